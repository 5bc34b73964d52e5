import assert from "node:assert/strict";
import { ROOMS_STREAM } from "../../contract/mod.ts";
import { startNats } from "../../../tests/harness/nats.ts";
import { connectTestBus, event, managerOf, store, type TestBus } from "../persistence_suite.ts";
import { epochOfStream } from "../../kit/mod.ts";
import { CLOSED_MAX_MESSAGE_BYTES, ensureRoomsStream, logStream } from "./stream.ts";
import { limitStreamSize } from "./limit_stream_size.ts";

const MAX_BYTES = 100_000;

async function open(bus: TestBus) {
  const manager = await managerOf(bus);
  const stream = await ensureRoomsStream(logStream(manager), {
    maxAge: 3_600,
    maxBytes: MAX_BYTES,
  });
  const epoch = epochOfStream(stream);
  return {
    manager,
    /** Checks the size when everything up to `position` is archived. */
    limit: (position: number) => limitStreamSize(logStream(manager), bus.log, { epoch, position }),
  };
}

/** Stores messages until the log holds this many bytes. Returns how many. */
async function fill(bus: TestBus, to: number): Promise<number> {
  const manager = await managerOf(bus);
  for (let count = 0;; count++) {
    if ((await manager.streams.info(ROOMS_STREAM)).state.bytes >= to) return count;
    await store(bus, [event("lobby", `${count}`, { content: "x".repeat(900) })]);
  }
}

Deno.test("a filling log is purged to half its size, but only of archived messages", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const { manager, limit } = await open(bus);
  const state = async () => (await manager.streams.info(ROOMS_STREAM)).state;

  const count = await fill(bus, 0.7 * MAX_BYTES);
  assert.equal(await limit(count), true);
  assert.equal((await state()).first_seq, 1, "nothing is purged below three quarters");

  const more = await fill(bus, 0.8 * MAX_BYTES);
  await limit(count);
  const trimmed = await state();
  assert.ok(
    trimmed.bytes <= 0.5 * MAX_BYTES && trimmed.bytes > 0.45 * MAX_BYTES,
    `${trimmed.bytes}`,
  );
  assert.equal(trimmed.last_seq, count + more);

  // Most remaining messages are not archived. The log keeps all of those.
  const unarchived = await fill(bus, 0.94 * MAX_BYTES);
  await limit(count);
  assert.equal((await state()).first_seq, count + 1);
  assert.equal((await state()).messages, more + unarchived);
});

Deno.test("a log full of unarchived messages closes, loses nothing, and reopens", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const { manager, limit } = await open(bus);
  const size = async () => (await manager.streams.info(ROOMS_STREAM)).config.max_msg_size;

  const count = await fill(bus, 0.96 * MAX_BYTES);
  assert.equal(await limit(0), false);
  assert.equal(await limit(0), false);
  assert.equal(await size(), CLOSED_MAX_MESSAGE_BYTES);
  // Small messages too: a full stream would store them in place of its oldest.
  for (let i = 0; i < 100; i++) {
    await assert.rejects(store(bus, [event("lobby", `small ${i}`)]), /exceeds maximum/);
  }
  const { first_seq, messages } = (await manager.streams.info(ROOMS_STREAM)).state;
  assert.deepEqual([first_seq, messages], [1, count]);
  assert.equal(bus.lines.filter(({ message }) => message.includes("accepts no more")).length, 1);

  await limit(count);
  await limit(count);
  assert.notEqual(await size(), CLOSED_MAX_MESSAGE_BYTES);
  await store(bus, [event("lobby", "after")]);
});

Deno.test("another log is left alone", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const { manager } = await open(bus);
  const count = await fill(bus, 0.8 * MAX_BYTES);
  await limitStreamSize(logStream(manager), bus.log, { epoch: "another", position: count });
  assert.equal((await manager.streams.info(ROOMS_STREAM)).state.messages, count);
});
