import { jetstreamManager } from "@nats-io/jetstream";
import assert from "node:assert/strict";
import { startNats } from "../../tests/harness/nats.ts";
import { until } from "../../tests/harness/wait.ts";
import { type Fault, SEQS_PER_STREAM } from "../contract/mod.ts";
import { connectBus, createHeaders } from "./bus.ts";
import { createLogger } from "./log.ts";
import { type Stored, StreamPublisher } from "./stream_publisher.ts";

const log = createLogger("test", { write: () => {} });

async function setUp(options: ConstructorParameters<typeof StreamPublisher>[1] = {}, limits = {}) {
  const nats = await startNats();
  const bus = await connectBus({ url: nats.url, name: "test", log });
  const manager = await jetstreamManager(bus.nats);
  await manager.streams.add({ name: "S", subjects: ["s.>"], ...limits });
  const publisher = new StreamPublisher(bus, options);
  const outcomes: { stored: Stored | null; failure: Fault | null }[] = [];
  const publish = (subject = "s.a", id?: string, body = "{}") => {
    const headers = createHeaders();
    if (id !== undefined) headers.set("Nats-Msg-Id", id);
    publisher.publish(
      subject,
      body,
      headers,
      (stored, failure) => outcomes.push({ stored, failure }),
    );
  };
  return {
    nats,
    manager,
    publisher,
    outcomes,
    publish,
    /** Sends what waits to be sent. */
    send: () => bus.sendFirst("test.nothing", ""),
    /** Sends it, and waits until NATS has answered all of it. */
    flush() {
      bus.sendFirst("test.nothing", "");
      return bus.nats.flush();
    },
    async [Symbol.asyncDispose]() {
      publisher.close();
      await bus.drain();
      await nats[Symbol.asyncDispose]();
    },
  };
}

Deno.test("each publish receives its own seq, in order", async () => {
  await using set = await setUp();
  for (let i = 0; i < 3_000; i++) set.publish();
  await until("the acks", () => set.outcomes.length === 3_000);
  assert.deepEqual(
    set.outcomes.map(({ stored }) => stored!.seq),
    Array.from({ length: 3_000 }, (_, i) => i + 1),
  );
  assert.equal(set.publisher.pending, 0);
});

Deno.test("a duplicate is reported with the first message's seq", async () => {
  await using set = await setUp();
  set.publish("s.a", "same");
  set.publish("s.a", "other");
  set.publish("s.a", "same");
  await until("the acks", () => set.outcomes.length === 3);
  assert.deepEqual(set.outcomes.map(({ stored }) => stored), [
    { seq: 1, duplicate: false },
    { seq: 2, duplicate: false },
    { seq: 1, duplicate: true },
  ]);
});

Deno.test("a publish without a stream, or to a full one, fails with unavailable", async () => {
  await using set = await setUp({}, { max_msgs: 2, discard: "new" });
  set.publish("other.subject");
  for (let i = 0; i < 3; i++) set.publish();
  await until("the answers", () => set.outcomes.length === 4);
  assert.match(
    set.outcomes.find(({ failure }) => failure)!.failure!.message,
    /no stream stores this subject/,
  );
  const full = set.outcomes.at(-1)!.failure!;
  assert.deepEqual([full.code, full.retryAfter], ["unavailable", 1_000]);
});

Deno.test("messages of rooms that no stream stores for a moment are stored in their order", async () => {
  await using set = await setUp();
  const rooms = ["room.message.1.a", "room.message.2.b"];
  const publish = (n: number) => rooms.forEach((room) => set.publish(room, `${room} ${n}`, `${n}`));
  for (let n = 0; n < 5; n++) publish(n);
  await set.flush();
  for (let n = 5; n < 10; n++) publish(n);
  set.send();
  assert.deepEqual([set.outcomes, set.publisher.pending], [[], 20]);
  await set.manager.streams.add({ name: "R", subjects: ["room.message.>"] });
  for (let n = 10; n < 20; n++) publish(n);
  await until("all to be stored", () => set.outcomes.length === 40);
  assert.ok(set.outcomes.every(({ failure }) => failure === null));
  const last: Record<string, number> = {};
  for (let seq = 1; seq <= 40; seq++) {
    const { subject, data } = (await set.manager.streams.getMessage("R", { seq }))!;
    const number = Number(new TextDecoder().decode(data));
    assert.equal(number, (last[subject] ?? -1) + 1);
    last[subject] = number;
  }
  assert.equal(set.publisher.pending, 0);
});

Deno.test("a message of a room that no stream stores fails in the end", async () => {
  await using set = await setUp({ ackTimeout: 500 });
  set.publish("room.message.1.a");
  await until("the failure", () => set.outcomes.length === 1);
  assert.equal(set.outcomes[0]!.failure?.code, "unavailable");
  assert.equal(set.publisher.pending, 0);
});

Deno.test("a duplicate of a message whose room has moved has the seq of that message", async () => {
  const asked: [string, number][] = [];
  await using set = await setUp({
    original(stream, seq) {
      asked.push([stream, seq]);
      return asked.length === 1 ? Promise.resolve(7) : Promise.reject(new Error("no answer"));
    },
  });
  // Of a stream that has taken rooms from another one.
  await set.manager.streams.purge("S", { seq: SEQS_PER_STREAM + 1 });
  for (let i = 0; i < 3; i++) set.publish("s.a", "same");
  await until("the acks", () => set.outcomes.length === 3);
  const first = SEQS_PER_STREAM + 1;
  assert.deepEqual(set.outcomes[0], { stored: { seq: first, duplicate: false }, failure: null });
  assert.deepEqual(set.outcomes[1], { stored: { seq: 7, duplicate: true }, failure: null });
  assert.equal(set.outcomes[2]!.failure?.code, "unavailable");
  assert.deepEqual(asked, [["S", first], ["S", first]]);
});

Deno.test("publishes to a paused JetStream are bounded in number and time", async () => {
  await using set = await setUp({ maxPending: 10, ackTimeout: 300 });
  await set.nats.process.stop();
  for (let i = 0; i < 15; i++) set.publish();
  assert.equal(set.outcomes.length, 5, "publishes above the limit fail at once");
  assert.match(set.outcomes[0]!.failure!.message, /too many messages await/);
  await until("the rest to time out", () => set.outcomes.length === 15);
  assert.match(set.outcomes[14]!.failure!.message, /not stored in time/);
  set.nats.process.signal("SIGCONT");
  set.publish();
  await until("a new one to be stored", () => set.outcomes[15]?.stored?.seq === 11);
});

Deno.test("all pending publishes fail when NATS dies", async () => {
  await using set = await setUp();
  await set.nats.process.stop();
  for (let i = 0; i < 20; i++) set.publish();
  await set.nats.kill();
  await until("the answers", () => set.outcomes.length === 20);
  for (const { failure } of set.outcomes) assert.match(failure!.message, /unreachable/);
  set.publish();
  assert.equal(set.outcomes.length, 21, "a publish without NATS fails at once");
});
