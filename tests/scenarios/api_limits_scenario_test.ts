/** The HTTP API: limits, repetitions and traces, against the real system. */
import assert from "node:assert/strict";
import { bucketOf } from "../../services/contract/mod.ts";
import { probe } from "../../services/start/probe.ts";
import { apiOf } from "../harness/api.ts";
import { startOtlpReceiver } from "../harness/otlp.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";

Deno.test("the HTTP API keeps its limits", async (t) => {
  await using system = await startSystem({
    apis: 1,
    env: {
      api: { API_MAX_BODY_BYTES: "2048", API_DEADLINE_MS: "1000", API_KEY_CONCURRENT: "4" },
    },
  });
  const api = await apiOf(system);
  const publish = { room: "lobby", userId: "bot", content: 1 };

  await t.step("bodies", async () => {
    const large = { ...publish, content: "x".repeat(2_048) };
    assert.equal((await api.refused("too_large", "publish", large)).status, 413);
    for (const body of ["", "{", "[]", "null", '"\\ud83e"', "[".repeat(2_000)]) {
      await api.refused("invalid_format", "publish", body);
    }
  });

  await t.step("the rate of a key, also of what a batch and a broadcast hold", async () => {
    for (
      const [operation, body] of [
        ["publish", publish],
        ["broadcast", { rooms: ["a", "b", "c"], userId: "bot", content: 1 }],
        ["batch", { operations: Array(3).fill({ op: "publish", data: publish }) }],
      ] as const
    ) {
      // One at once; then a request waits until what was done is paid for.
      const key = await api.addKey({ rate: 0.5 });
      await until("the key to have paid for its first request", async () => {
        return (await api.send(operation, body, { key })).status === 200;
      });
      const { headers, status, body: refused } = await until("a refusal", async () => {
        const answer = await api.send(operation, body, { key });
        return answer.status === 200 ? null : answer;
      });
      assert.deepEqual([status, refused.error.code], [429, "rate_limited"]);
      assert.ok(Number(headers.get("retry-after")) >= 1);
      assert.ok(refused.error.retryAfter > 0);
    }
  });

  await t.step("a body that does not arrive ends with the deadline", async () => {
    const { hostname, port } = new URL(api.url);
    // As many as may be in progress: each must make room again although its connection stays open.
    const key = await api.addKey();
    const connections = await Promise.all(
      Array.from({ length: 4 }, () => Deno.connect({ hostname, port: Number(port) })),
    );
    try {
      for (const connection of connections) {
        await connection.write(new TextEncoder().encode([
          "POST /v1/publish HTTP/1.1",
          "Host: localhost",
          `Authorization: Bearer ${key}`,
          "Content-Length: 100",
          "",
          "{",
        ].join("\r\n")));
      }
      for (const connection of connections) {
        const answer = new Uint8Array(4_096);
        const length = await connection.read(answer);
        const text = new TextDecoder().decode(answer.subarray(0, length!));
        assert.match(text, /^HTTP\/1\.1 504 [\s\S]*"code":"timeout"/);
      }
      await api.done("publish", publish, { key });
    } finally {
      for (const connection of connections) connection.close();
    }
  });

  await t.step("services that do not answer end with the deadline, and others go on", async () => {
    await system.persistences[0]!.process.stop();
    try {
      const key = await api.addKey({ rate: 1_000 });
      const slow = Array.from({ length: 4 }, () => api.send("history", { room: "lobby" }, { key }));
      await until("too many in progress", async () => {
        const { status, body } = await api.send("publish", publish, { key });
        return status === 429 && body.error.message.includes("in progress");
      });
      // Another key has its own place.
      await api.done("publish", publish);
      for (const { status, body } of await Promise.all(slow)) {
        assert.deepEqual([status, body.error.code], [504, "timeout"]);
      }
    } finally {
      system.persistences[0]!.process.signal("SIGCONT");
    }
  });
});

Deno.test("a process that stops answers what is in progress, and nothing new", async () => {
  await using system = await startSystem({
    apis: 1,
    env: { api: { API_DEADLINE_MS: "5000", API_KEY_CONCURRENT: "1" } },
  });
  const api = await apiOf(system);
  const publish = { room: "lobby", userId: "bot", content: 1 };
  const { process } = system.apis[0]!;
  await system.persistences[0]!.process.stop();
  try {
    const answers: ReturnType<typeof api.send>[] = [];
    await until("a request to be in progress", async () => {
      answers.push(api.send("history", { room: "lobby" }));
      return (await api.send("publish", publish)).status === 429;
    });
    process.signal("SIGTERM");
    await until("the drain to begin", async () => {
      return (await probe(`${api.url}/readyz`)).text.includes("draining");
    });
    assert.equal((await api.refused("unavailable", "publish", publish)).status, 503);
    const codes = (await Promise.all(answers)).map(({ body }) => body.error.code);
    assert.equal(codes.filter((code) => code !== "rate_limited").join(), "timeout");
    assert.equal((await process.status()).code, 0);
  } finally {
    system.persistences[0]!.process.signal("SIGCONT");
  }
});

Deno.test("a repeated request is done once, whichever process gets it", async () => {
  await using system = await startSystem({ apis: 2 });
  const api = await apiOf(system);
  const ada = await system.client({ user: "ada" });
  ada.send({ type: "subscribe", room: "lobby", id: "s" });
  await ada.take("subscribed");
  const headers = { "idempotency-key": "order-42" };
  const body = { room: "lobby", userId: "bot", content: "once" };

  const first = await api.send("publish", body, { headers });
  const again = await api.send("publish", body, { headers });
  assert.deepEqual(again.body, first.body);
  assert.deepEqual(
    [first.headers.get("idempotency-replayed"), again.headers.get("idempotency-replayed")],
    [null, "true"],
  );
  const other = await api.send("publish", body, { headers, api: 1 });
  assert.deepEqual(other.body, first.body);
  assert.equal(other.headers.get("idempotency-replayed"), "true");
  for (const at of [0, 1]) {
    const changed = { ...body, content: "other" };
    const { status } = await api.refused("invalid_format", "publish", changed, {
      headers,
      api: at,
    });
    assert.equal(status, 409);
  }
  // Signals have no ids, and tokens are new each time.
  const signal = { room: "lobby", userId: "bot", content: "typing" };
  const both = await Promise.all(
    [0, 1, 0, 1].map((at) => api.send("signal", signal, { headers, api: at })),
  );
  assert.deepEqual(both.map(({ status }) => status), [200, 200, 200, 200]);
  const done = both.filter(({ headers }) => headers.get("idempotency-replayed") === null);
  assert.equal(done.length, 1);
  await api.done("signal", { ...signal, content: "last" });
  assert.equal((await ada.take("room-signal")).content, "typing");
  assert.equal((await ada.take("room-signal")).content, "last");
  const tokens = await Promise.all(
    [0, 1].map((at) => api.done("token", { userId: "u7" }, { headers, api: at })),
  );
  assert.deepEqual(tokens[0], tokens[1]);
  await api.refused("invalid_format", "publish", body, { headers: { "idempotency-key": "a b" } });
  // The key of somebody else, and another operation, have nothing to do with it.
  const key = await api.addKey();
  const apart = await api.done("publish", body, { headers, key });
  assert.notEqual(apart.seq, first.body.seq);
  const operations = [{ op: "publish", data: body }, { op: "publish", data: body }];
  const batch = await api.done("batch", { operations }, { headers });
  const repeated = await api.done("batch", { operations }, { headers, api: 1 });
  const seqs = (answer: { results: { result: { seq: number } }[] }) =>
    answer.results.map(({ result }) => result.seq);
  assert.deepEqual(seqs(repeated), seqs(batch));
  assert.equal(new Set(seqs(batch)).size, 2);
  const shown = [];
  for (let i = 0; i < 4; i++) shown.push((await ada.take("room-message")).seq);
  assert.deepEqual(shown, [first.body.seq, apart.seq, ...seqs(batch)]);
});

Deno.test("a request is part of the caller's trace, as is everything that follows from it", async () => {
  await using receiver = startOtlpReceiver();
  await using system = await startSystem({
    apis: 1,
    env: { all: { ...receiver.env, TRACE_RATIO: "0" }, api: { OTEL_SERVICE_NAME: "hopwire-api" } },
  });
  const api = await apiOf(system);
  const ada = await system.client({ user: "ada" });
  ada.send({ type: "subscribe", room: "lobby", id: "s" });
  await ada.take("subscribed");
  const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;
  const { headers } = await api.send("publish", { room: "lobby", userId: "bot", content: 1 }, {
    headers: { traceparent },
  });
  assert.match(headers.get("traceparent")!, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
  assert.notEqual(headers.get("traceparent"), traceparent);
  await ada.take("room-message");
  const spans = () => receiver.spans.filter(({ traceId }) => traceId === TRACE);
  const names = ["POST /v1/publish", "edge.receive", "bus.store", "edge.queue", "archive.store"];
  await until("all hops", () => names.every((name) => spans().some((span) => span.name === name)));
  const named = (name: string) => spans().find((span) => span.name === name)!;
  const request = named("POST /v1/publish");
  assert.deepEqual(
    [request.attributes["http.route"], request.attributes["http.response.status_code"]],
    ["/v1/publish", 200],
  );
  assert.equal(named("edge.receive").parentSpanId, request.spanId);
  assert.equal(named("bus.store").parentSpanId, named("edge.receive").spanId);
  assert.equal(
    named("bus.store").attributes["messaging.destination.name"],
    `room.message.${bucketOf("lobby")}.lobby`,
  );
  // Without a trace of the caller TRACE_RATIO decides; what is malformed is ignored.
  for (const given of [undefined, "nonsense"]) {
    const { headers } = await api.send("stats", {}, {
      headers: given === undefined ? {} : { traceparent: given },
    });
    assert.match(headers.get("traceparent")!, /-00$/);
  }
});
