import assert from "node:assert/strict";
import { ROOMS_STREAM } from "../contract/mod.ts";
import { startNats } from "../../tests/harness/nats.ts";
import { until } from "../../tests/harness/wait.ts";
import { connectTestBus, event, managerOf, store, type TestBus } from "./persistence_suite.ts";
import { Puller } from "./puller.ts";
import { ensureArchiveConsumer, ensureRoomsStream, readProgress, SHUT } from "./stream.ts";
import { tendStream } from "./tend_stream.ts";

const MAX_BYTES = 100_000;

async function open(bus: TestBus) {
  const manager = await managerOf(bus);
  await ensureRoomsStream(manager, { maxAge: 3_600, maxBytes: MAX_BYTES });
  await ensureArchiveConsumer(manager);
  return manager;
}

/** Stores messages until the log holds so many bytes, or refuses one. */
async function fill(bus: TestBus, to: number): Promise<number> {
  const manager = await managerOf(bus);
  for (let count = 0;; count++) {
    if ((await manager.streams.info(ROOMS_STREAM)).state.bytes >= to) return count;
    await store(bus, [event("lobby", `${count}`, { content: "x".repeat(900) })]);
  }
}

/** Acks the oldest `count` messages. */
async function ack(bus: TestBus, count: number): Promise<void> {
  const manager = await managerOf(bus);
  const puller = new Puller(bus, count, 0);
  const messages = await puller.batch();
  assert.equal(messages.length, count);
  for (const message of messages) message.ack();
  const to = messages.at(-1)!.seq;
  await until("the acks to count", async () => (await readProgress(manager)).floor >= to);
  puller.close();
}

Deno.test("a log that fills is trimmed to half, and of what is archived alone", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await open(bus);
  const state = async () => (await manager.streams.info(ROOMS_STREAM)).state;

  const count = await fill(bus, 0.7 * MAX_BYTES);
  await ack(bus, count);
  await tendStream(manager, bus.log);
  assert.equal((await state()).first_seq, 1, "below three quarters nothing is trimmed");

  const more = await fill(bus, 0.8 * MAX_BYTES);
  await tendStream(manager, bus.log);
  const trimmed = await state();
  assert.ok(
    trimmed.bytes <= 0.5 * MAX_BYTES && trimmed.bytes > 0.45 * MAX_BYTES,
    `${trimmed.bytes}`,
  );
  assert.equal(trimmed.last_seq, count + more);

  // Most of what is there now is not archived: the log keeps all of that.
  const unarchived = await fill(bus, 0.94 * MAX_BYTES);
  await tendStream(manager, bus.log);
  assert.equal((await state()).first_seq, count + 1);
  assert.equal((await state()).messages, more + unarchived);
});

Deno.test("a log full of what is not archived takes no more, loses nothing, and opens again", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await open(bus);
  const size = async () => (await manager.streams.info(ROOMS_STREAM)).config.max_msg_size;

  const count = await fill(bus, 0.96 * MAX_BYTES);
  await tendStream(manager, bus.log);
  await tendStream(manager, bus.log);
  assert.equal(await size(), SHUT);
  // Small ones too: these are what a full stream takes in place of its oldest.
  for (let i = 0; i < 100; i++) {
    await assert.rejects(store(bus, [event("lobby", `small ${i}`)]), /exceeds maximum/);
  }
  const { first_seq, messages } = (await manager.streams.info(ROOMS_STREAM)).state;
  assert.deepEqual([first_seq, messages], [1, count]);
  assert.equal(bus.lines.filter(({ message }) => message.includes("takes no more")).length, 1);

  await ack(bus, count);
  await tendStream(manager, bus.log);
  await tendStream(manager, bus.log);
  assert.notEqual(await size(), SHUT);
  await store(bus, [event("lobby", "after")]);
});
