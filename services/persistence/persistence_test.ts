/** The service as a process, with its production permissions. */
import assert from "node:assert/strict";
import { HEADERS, HistoryRead, messageSubject } from "../contract/mod.ts";
import { createHeaders, request } from "../kit/mod.ts";
import { type NatsServer, startNats } from "../../tests/harness/nats.ts";
import { startOtlpReceiver } from "../../tests/harness/otlp.ts";
import { postgresMissing, startPostgres } from "../../tests/harness/postgres.ts";
import { freePort } from "../../tests/harness/ports.ts";
import { startService, type TestService } from "../../tests/harness/system.ts";
import { until } from "../../tests/harness/wait.ts";
import { connectTestBus, event, store, type TestBus } from "./persistence_suite.ts";

const missing = await postgresMissing();
const ROOMS = ["lobby", "hall", "game.42.red"];

async function withProcesses(
  count: number,
  env: Record<string, string>,
  run: (services: TestService[], bus: TestBus, server: NatsServer) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-persistence-" });
  await using server = await startNats();
  const services = Array.from({ length: count }, () =>
    startService("persistence", {
      NATS_URL: server.url,
      SQLITE_PATH: `${folder}/data/archive.db`,
      ...env,
    }));
  try {
    await using bus = await connectTestBus(server);
    await Promise.all(services.map((service) => service.ready()));
    await run(services, bus, server);
  } finally {
    await Promise.all(services.map((service) => service.kill()));
    await Deno.remove(folder, { recursive: true });
  }
}

/** Stores messages one at a time, so a process can die between any two. */
async function trickle(bus: TestBus, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await store(bus, [event(ROOMS[i % 3]!, `${i}`)]);
}

/**
 * Asserts that history consists of exactly messages 0 to `count`, each in its room, in log order.
 */
async function assertWhole(bus: TestBus, count: number): Promise<void> {
  for (const [r, room] of ROOMS.entries()) {
    const ids: string[] = [];
    let prev = 0;
    for (let more = true; more;) {
      const page = await until(
        `history of ${room}`,
        () => request(bus, HistoryRead, { room, after: prev, limit: 500, upTo: count }),
      );
      for (const message of page.messages) {
        assert.equal(message.prev, prev);
        // Only the test stores messages, so a message's seq follows from its number.
        assert.equal(message.seq, Number(message.id) + 1);
        prev = message.seq;
        ids.push(message.id);
      }
      assert.equal(page.trimmedTo, 0);
      more = page.more;
    }
    const expected = Array.from({ length: count }, (_, i) => i).filter((i) => i % 3 === r);
    assert.deepEqual(ids, expected.map(String));
  }
}

/** The term of the lease that an instance took last; 0 if it has none. */
function lastTerm(output: readonly string[]): number {
  const taken = output.findLast((line) => line.includes("this instance archives now"));
  return taken === undefined ? 0 : JSON.parse(taken).term;
}

/** Stores 2,000 messages. In every 400, kills a process while it archives them. */
async function storeWhileKilling(services: TestService[], bus: TestBus): Promise<void> {
  for (let round = 0; round < 5; round++) {
    const victim = await until("an instance to archive", () => {
      const terms = services.map(({ process }) => lastTerm(process.output));
      const highest = Math.max(...terms);
      return highest > round ? services[terms.indexOf(highest)] : undefined;
    });
    const from = round * 400;
    const storing = trickle(bus, from, from + 400);
    await until(
      `some of round ${round} to be archived`,
      async () => {
        const { messages } = await request(bus, HistoryRead, { room: ROOMS[0]!, limit: 1 });
        return (messages[0]?.seq ?? 0) > from + 100;
      },
    );
    await victim.restart();
    await storing;
  }
}

for (
  const { name, count, database } of [
    { name: "one instance on SQLite", count: 1, database: "sqlite" },
    { name: "two instances on one SQLite file", count: 2, database: "sqlite" },
    { name: `two instances on PostgreSQL ${missing ?? ""}`, count: 2, database: "postgres" },
  ]
) {
  Deno.test({
    name: `repeated kill -9 archives every message once, in order: ${name}`,
    ignore: database === "postgres" && missing !== null,
    async fn() {
      const postgres = database === "postgres" ? await startPostgres() : null;
      try {
        const env: Record<string, string> = { ARCHIVE_BATCH: "20" };
        if (postgres !== null) env.DATABASE_URL = await postgres.createDatabase();
        await withProcesses(count, env, async (services, bus) => {
          await storeWhileKilling(services, bus);
          await Promise.all(services.map((service) => service.ready()));
          await assertWhole(bus, 2_000);
          for (const service of services) {
            assert.ok(!service.process.output.some((line) => line.includes('"level":"error"')));
          }
        });
      } finally {
        await postgres?.[Symbol.asyncDispose]();
      }
    },
  });
}

Deno.test("the service starts before NATS, waits for it and creates the log", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-persistence-" });
  const port = freePort();
  const service = startService("persistence", {
    NATS_URL: `nats://127.0.0.1:${port}`,
    SQLITE_PATH: `${folder}/archive.db`,
  });
  try {
    await service.process.line("waiting for NATS");
    await using server = await startNats({ port });
    await service.ready();
    await using bus = await connectTestBus(server);
    await trickle(bus, 0, 9);
    await assertWhole(bus, 9);
  } finally {
    await service.kill();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("SIGTERM ends the service with 0, and the next one goes on where it stopped", () =>
  withProcesses(1, {}, async (services, bus) => {
    const [service] = services as [TestService];
    await trickle(bus, 0, 50);
    service.process.signal("SIGTERM");
    assert.equal((await service.process.status()).code, 0, service.process.output.join("\n"));
    await service.restart();
    await service.ready();
    await trickle(bus, 50, 60);
    await assertWhole(bus, 60);
  }));

Deno.test("a wrong variable ends the service with one line that names it", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(
      file,
      "not a database, but long enough for SQLite to recognise that",
    );
    await using server = await startNats();
    const cases: [Record<string, string>, RegExp][] = [
      [{ DATABASE_URL: "mysql://secret@host/db" }, /DATABASE_URL: expected postgres:\/\//],
      [{ STREAM_MAX_AGE: "60" }, /STREAM_MAX_AGE: expected a whole number from 120 to .*got "60"/],
      [{ ARCHIVE_BATCH: "0" }, /ARCHIVE_BATCH: expected a whole number from 1 to 5000/],
      [{ SQLITE_PATH: file }, /SQLITE_PATH: cannot open .*not a database/],
    ];
    for (const [env, text] of cases) {
      await using service = startService("persistence", { NATS_URL: server.url, ...env });
      assert.equal((await service.process.status()).code, 78);
      const last = JSON.parse(service.process.output.at(-1)!).message as string;
      assert.match(last, text);
      assert.doesNotMatch(last, /secret/);
    }
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a message with a recorded trace has its two hops, under its sender's", async () => {
  await using receiver = startOtlpReceiver();
  await withProcesses(1, receiver.env, async (_, bus) => {
    const publish = (id: string, traceparent: string) => {
      const headers = createHeaders();
      headers.set(HEADERS.traceparent, traceparent);
      const text = JSON.stringify(event("chat.lobby", id));
      return bus.nats.request(messageSubject("chat.lobby"), text, { headers, timeout: 5_000 });
    };
    const trace = (first: string) => first.repeat(32);
    await publish("unsampled", `00-${trace("b")}-b7ad6b7169203331-00`);
    await publish("sampled", `00-${trace("a")}-b7ad6b7169203331-01`);
    const [span, commit] = await until("both spans", () => {
      const found = receiver.spans.filter(({ traceId }) => traceId === trace("a"));
      const named = (name: string) => found.find((one) => one.name === name);
      const [wait, store] = [named("archive.wait"), named("archive.store")];
      return wait !== undefined && store !== undefined && [wait, store] as const;
    });
    assert.equal(commit.parentSpanId, span.spanId);
    assert.equal(span.kind, 5);
    assert.equal(span.parentSpanId, "b7ad6b7169203331");
    assert.equal(span.attributes["hopwire.room"], "chat.lobby");
    assert.equal(span.attributes["hopwire.seq"], 2);
    assert.equal(span.attributes["messaging.destination.name"], messageSubject("chat.lobby"));
    assert.equal(span.attributes["messaging.operation.type"], "process");
    assert.ok(Number(commit.attributes["messaging.batch.message_count"]) >= 1);
    assert.ok(span.durationMs > 0 && commit.durationMs > 0);
    assert.deepEqual(receiver.spans.filter(({ traceId }) => traceId === trace("b")), []);
  });
});
