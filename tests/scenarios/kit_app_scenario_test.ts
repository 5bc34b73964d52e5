/** A service that is written with the kit: what it offers works, and what goes wrong harms nobody. */
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { startOtlpReceiver } from "../harness/otlp.ts";
import { startMetricsReceiver } from "../harness/otlp_metrics.ts";
import { startOwnService } from "../harness/own_service.ts";
import type { ChildProcess } from "../harness/process.ts";
import { startSystem, type System } from "../harness/system.ts";
import type { TestClient } from "../harness/client.ts";
import { until } from "../harness/wait.ts";
import { declaration } from "./kit/parrot_declaration.ts";

/** Starts an instance of the service of these tests, and waits until it is ready. */
const startParrot = (system: System, env: Record<string, string> = {}) =>
  startOwnService(system, declaration, {
    main: "tests/scenarios/kit/parrot.ts",
    env: { PARROT_FILE: `${system.folder}/parrot.txt`, ...env },
    flags: [`--allow-write=${system.folder}`],
  });

const notes = async (system: System) =>
  (await Deno.readTextFile(`${system.folder}/parrot.txt`).catch(() => "")).trim().split("\n");

/** Asks a method of the service, and returns its result or the error's code. */
async function ask(client: TestClient, method: string, data?: unknown): Promise<unknown> {
  const id = crypto.randomUUID();
  client.send({ type: "call", service: "parrot", method, data, id });
  const answer = await client.answer(id);
  if (answer.type === "error") return answer.code;
  assert.equal(answer.type, "result");
  return answer.type === "result" && answer.data;
}

/** Says something in a room, and waits until it is stored. */
async function say(client: TestClient, room: string, content: unknown): Promise<void> {
  const id = crypto.randomUUID();
  client.send({ type: "message", room, content, id });
  assert.equal((await client.answer(id)).type, "ack");
}

async function withParrot(
  env: Record<string, string>,
  play: (system: System, parrot: ChildProcess, ann: TestClient) => Promise<void>,
): Promise<void> {
  await using system = await startSystem({
    own: [declaration],
  });
  await using parrot = await startParrot(system, env);
  const ann = await system.client({ user: "ann" });
  for (const room of ["chat.a", "chat.b", "work.a", "done.a"]) {
    ann.send({ type: "subscribe", room });
    await ann.take("subscribed", (frame) => frame.room === room);
  }
  await play(system, parrot, ann);
}

Deno.test("a service with the kit", (t) =>
  withParrot({}, async (system, parrot, ann) => {
    await t.step(
      "answers calls, knows who calls, and checks what comes in and goes out",
      async () => {
        assert.deepEqual(await ask(ann, "echo", { text: "hi" }), { text: "hi", by: "ann" });
        assert.deepEqual(await ask(ann, "echo"), { text: "nothing", by: "ann" });
        assert.equal(await ask(ann, "echo", { text: 5 }), "invalid_format");
        assert.equal(await ask(ann, "refuse"), "forbidden");
        assert.equal(await ask(ann, "wrong"), "service_failed");
      },
    );

    await t.step("harms nobody when it throws, hangs or answers too much", async () => {
      assert.equal(await ask(ann, "throw"), "service_failed");
      assert.ok(!JSON.stringify(ann.frames).includes("a secret"), "an internal error is exposed");
      await parrot.line("a secret of the service");
      assert.equal(await ask(ann, "huge"), "too_large");
      const hanging = [ask(ann, "hang"), ask(ann, "hang")];
      await until("both to hang", async () =>
        (await notes(system)).filter((line) => line === "hang").length === 2);
      assert.equal(await ask(ann, "hang"), "unavailable");
      assert.deepEqual(await Promise.all(hanging), ["timeout", "timeout"]);
      assert.deepEqual(await ask(ann, "echo"), { text: "nothing", by: "ann" });
    });

    await t.step("posts once for an id, and reads history and presence", async () => {
      const data = { room: "done.a", content: "first", id: "p1" };
      const first = await ask(ann, "post", data) as { seq: number };
      assert.deepEqual(await ask(ann, "post", data), { seq: first.seq, duplicate: true });
      assert.equal((await ann.take("room-message")).content, "first");
      assert.equal(await ask(ann, "post", { room: "no room", content: 1 }), "invalid_format");
      const large = { room: "done.a", content: "x".repeat(32 * 1024) };
      assert.equal(await ask(ann, "post", large), "too_large");
      await until("history", async () =>
        JSON.stringify(await ask(ann, "read", "done.a")) ===
          JSON.stringify({ messages: ["first"], count: 1 }));
    });

    await t.step("sends signals and events", async () => {
      assert.equal(await ask(ann, "say", "chat.a"), null);
      const signal = await ann.take("room-signal");
      assert.deepEqual([signal.content, signal.userId], ["squawk", "parrot"]);
      assert.deepEqual((await ann.take("event")).data, { room: "chat.a" });
    });

    await t.step(
      "listens live; a handler that hangs or throws keeps no other room waiting",
      async () => {
        await say(ann, "chat.a", "hello");
        await ann.take("room-message", ({ content }) =>
          content === "ann said hello");
        await say(ann, "chat.a", "throw");
        await say(ann, "chat.a", "hang");
        await say(ann, "chat.a", { not: "wanted" });
        await say(ann, "chat.a", "after");
        await say(ann, "chat.b", "beside");
        await ann.take("room-message", ({ content }) => content === "ann said beside");
        await ann.take("room-message", ({ content }) => content === "ann said after");
        await parrot.line("a live handler failed");
      },
    );

    await t.step(
      "tries a durable message again, and gives it up; others do not wait for it",
      async () => {
        for (const content of ["fails always", "fails twice", "one", "two"]) {
          await say(ann, "work.a", content);
        }
        const isDone = (wanted: string) =>
          ann.take("room-message", ({ room, content }) => room === "done.a" && content === wanted);
        for (const content of ["one", "two", "fails twice"]) await isDone(content);
        await parrot.line("a message is given up");
        // Members may have an answer before the service knows that it is stored.
        const lines = await until("the last note", async () => {
          const found = await notes(system);
          return found.includes("done fails twice") && found;
        });
        const count = (line: string) => lines.filter((one) => one === line).length;
        assert.deepEqual([count("began fails twice"), count("done fails twice")], [3, 1]);
        assert.deepEqual([count("began fails always"), count("began one")], [3, 1]);
      },
    );

    await t.step("runs at intervals in one instance", async () => {
      await using second = await startParrot(system);
      const ticks = async () => (await notes(system)).filter((line) => line.startsWith("tick "));
      const before = (await ticks()).length;
      await until("more ticks", async () => (await ticks()).length >= before + 10);
      const all = await ticks();
      assert.equal(new Set(all).size, all.length, "a tick ran twice");
      second.signal("SIGTERM");
      assert.equal((await second.status()).code, 0, second.output.join("\n"));
    });

    await t.step("drains", async () => {
      parrot.signal("SIGTERM");
      assert.equal((await parrot.status()).code, 0, parrot.output.join("\n"));
    });
  }));

Deno.test("a service that is killed in mid-work loses no durable message and handles none twice", () =>
  withParrot({ PARROT_HOLD: "1" }, async (system, parrot, ann) => {
    await say(ann, "work.a", "before");
    await ann.take("room-message", ({ room }) => room === "done.a");
    // Acknowledged, as the server knows: what was done before the kill is not done again.
    const contents = Array.from({ length: 40 }, (_, n) => `work ${n}`);
    for (const content of contents) await say(ann, "work.a", content);
    await until("work to have begun", async () => (await notes(system)).includes("began work 0"));
    await parrot.kill();
    await say(ann, "work.a", "while it was down");
    await using _again = await startParrot(system);
    // The server waits 30 s for the acks of the killed one.
    const wanted = ["before", ...contents, "while it was down"];
    await until("all work to be done", async () => {
      const lines = await notes(system);
      return wanted.every((content) => lines.includes(`done ${content}`));
    }, 60_000);
    const done = (await notes(system)).filter((line) => line.startsWith("done ")).toSorted();
    assert.deepEqual(done, wanted.map((content) => `done ${content}`).toSorted());
    // Noted once it is stored: the last ones may be on their way to her still.
    const posted = () =>
      ann.frames.filter((f) => f.type === "room-message" && f.room === "done.a").length;
    await until("all of it to arrive", () => posted() >= wanted.length);
    assert.equal(posted(), wanted.length);
  }));

Deno.test("a durable handler that hangs holds up its room, and others for some seconds only", () =>
  withParrot({}, async (system, _, ann) => {
    ann.send({ type: "subscribe", room: "work.b" });
    await say(ann, "work.b", "hangs");
    // More than the service holds at a time.
    for (let n = 0; n < 80; n++) await say(ann, "work.b", `behind ${n}`);
    await say(ann, "work.a", "beside");
    const isDone = (line: string) => async () => (await notes(system)).includes(line);
    await until("another room's message", isDone("done beside"));
    assert.ok(!await isDone("done behind 79")(), "the room did not wait for its handler");
  }));

Deno.test("a durable consumer that is deleted is made again, and goes on where it was", () =>
  withParrot({}, async (system, _, ann) => {
    const isDone = (line: string) => async () => (await notes(system)).includes(line);
    for (const content of ["one", "two"]) await say(ann, "work.a", content);
    await until("two messages", isDone("done two"));
    const nats = await connect({ servers: system.nats.url });
    const manager = await jetstreamManager(nats);
    await manager.consumers.delete("ROOMS", "parrot");
    await say(ann, "work.a", "three");
    await until("the third", isDone("done three"), 40_000);
    await nats.close();
    const done = (await notes(system)).filter((line) => line.startsWith("done "));
    assert.deepEqual(done, ["done one", "done two", "done three"]);
  }));

Deno.test("what a service does for a message or a call is part of its trace", async () => {
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const traceparent = `00-${trace}-b7ad6b7169203331-01`;
  await using receiver = startOtlpReceiver();
  await using system = await startSystem({
    own: [declaration],
    env: { all: { ...receiver.env, TRACE_RATIO: "0" } },
  });
  await using _parrot = await startParrot(system, { ...receiver.env, TRACE_RATIO: "0" });
  const ann = await system.client({ user: "ann" });
  for (const room of ["chat.a", "work.a"]) {
    ann.send({ type: "subscribe", room });
    await ann.take("subscribed");
    ann.send({ type: "message", room, content: "hi", id: room, traceparent });
    await ann.answer(room);
  }
  const data = { room: "done.b", content: 1 };
  const method = "post";
  ann.send({ type: "call", service: "parrot", method, data, id: "c", traceparent });
  await ann.answer("c");
  const nameOf = new Map<string, string>();
  await until("the spans of the service", () => {
    const spans = receiver.spans.filter(({ traceId }) => traceId === trace);
    for (const { spanId, name } of spans) nameOf.set(spanId, name);
    const names = spans.map(({ name, parentSpanId }) => `${nameOf.get(parentSpanId)} > ${name}`);
    const wanted = [
      "bus.store > process chat.*",
      "process chat.* > bus.store",
      "bus.store > bus.deliver",
      "bus.store > process work.*",
      "process work.* > bus.store",
      "call > process call.parrot.post",
      "process call.parrot.post > bus.store",
    ];
    return wanted.every((one) => names.includes(one));
  });
});

Deno.test("what the handlers of a service take is measured", async () => {
  await using receiver = startMetricsReceiver();
  await using system = await startSystem({
    own: [declaration],
  });
  await using _parrot = await startParrot(system, receiver.env("parrot"));
  const ann = await system.client({ user: "ann" });
  ann.send({ type: "subscribe", room: "work.a" });
  await say(ann, "work.a", "hi");
  assert.equal(await ask(ann, "refuse"), "forbidden");
  const pointsOf = (wanted: string) =>
    receiver.metrics.filter(({ name }) => name === wanted).map((metric) => JSON.stringify(metric));
  await until("the durations", () => {
    const points = pointsOf("messaging.process.duration");
    const has = (...parts: string[]) =>
      points.some((point) => parts.every((p) => point.includes(p)));
    return has("room.message.*.work.*") && has("call.parrot.refuse", "forbidden") &&
      has("schedule.parrot.beat");
  });
  for (const name of ["waiting", "delay", "missed"]) {
    await until(name, () => pointsOf(`hopwire.listener.${name}`).some((one) => /ROOMS/.test(one)));
  }
});
