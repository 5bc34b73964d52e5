import assert from "node:assert/strict";
import { type JetStreamManager, StorageType } from "@nats-io/jetstream";
import { ARCHIVE_CONSUMER, HEADERS, liveSubject, ROOMS_STREAM } from "../contract/mod.ts";
import { startNats } from "../../tests/harness/nats.ts";
import { until } from "../../tests/harness/wait.ts";
import { connectTestBus, event, LIMITS, managerOf, store } from "./persistence_suite.ts";
import { Puller } from "./puller.ts";
import {
  CLOSED_MAX_MESSAGE_BYTES,
  ensureArchiveConsumer,
  ensureRoomsStream,
  MAX_MESSAGE_BYTES,
  readProgress,
} from "./stream.ts";

Deno.test("the stream is created as the contract says, and republishes what it stores", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const { config } = await ensureRoomsStream(manager, { maxAge: 600, maxBytes: 5_000_000 });
  assert.deepEqual(config.subjects, ["room.message.>"]);
  assert.equal(config.storage, StorageType.File);
  assert.equal(config.discard, "new");
  assert.equal(config.max_bytes, 5_000_000);
  assert.equal(config.max_age, 600e9);
  assert.equal(config.duplicate_window, 120e9);
  assert.equal(config.allow_direct, true);
  assert.equal(config.max_msg_size, 131_072);

  const live = bus.nats.subscribe(liveSubject("lobby"), { max: 2 });
  await store(bus, [event("lobby", "1"), event("hall", "2"), event("lobby", "3")]);
  const seen: string[] = [];
  for await (const message of live) {
    const { id } = message.json<{ id: string }>();
    seen.push(
      [HEADERS.sequence, HEADERS.lastSequence].map((name) => message.headers!.get(name))
        .concat(id).join(" "),
    );
  }
  assert.deepEqual(seen, ["1 0 1", "3 1 3"]);
});

Deno.test("ensuring the stream again changes nothing but its limits", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const first = await ensureRoomsStream(manager, LIMITS);
  await store(bus, [event("lobby", "1")]);
  const again = await ensureRoomsStream(manager, LIMITS);
  assert.deepEqual(again.config, first.config);
  assert.equal(again.created, first.created);
  assert.equal(again.state.messages, 1);
  // An operator's settings are kept.
  await manager.streams.update(ROOMS_STREAM, { description: "rooms of ours" });
  const changed = await ensureRoomsStream(manager, { ...LIMITS, maxAge: 7_200 });
  assert.equal(changed.config.max_age, 7_200e9);
  assert.equal(changed.config.description, "rooms of ours");
  assert.equal(changed.state.messages, 1);
});

Deno.test("many instances may create stream and consumer at once, with different limits", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const infos = await Promise.all(Array.from({ length: 10 }, async (_, i) => {
    const info = await ensureRoomsStream(manager, { ...LIMITS, maxAge: 600 + (i % 2) });
    await ensureArchiveConsumer(manager);
    return info;
  }));
  assert.equal(new Set(infos.map(({ created }) => String(created))).size, 1);
  const { config } = await manager.consumers.info(ROOMS_STREAM, ARCHIVE_CONSUMER);
  assert.equal(config.ack_policy, "explicit");
  assert.equal(config.deliver_policy, "all");
  assert.equal(config.max_ack_pending, 20_000);
});

Deno.test("a stream that does not republish is refused with instructions", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  await manager.streams.add({ name: ROOMS_STREAM, subjects: ["room.message.>"] });
  await assert.rejects(
    ensureRoomsStream(manager, LIMITS),
    /ROOMS does not republish .* delete the stream/,
  );
});

Deno.test("a closed log stays closed", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  await ensureRoomsStream(manager, LIMITS);
  await manager.streams.update(ROOMS_STREAM, { max_msg_size: CLOSED_MAX_MESSAGE_BYTES });
  const { config } = await ensureRoomsStream(manager, { ...LIMITS, maxAge: 7_200 });
  assert.equal(config.max_msg_size, CLOSED_MAX_MESSAGE_BYTES);
  await assert.rejects(store(bus, [event("lobby", "1")]), /exceeds maximum/);
});

Deno.test("a message too large for history is refused", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  await ensureRoomsStream(await managerOf(bus), LIMITS);
  const large = event("lobby", "1", { content: "x".repeat(MAX_MESSAGE_BYTES) });
  await assert.rejects(store(bus, [large]), /exceeds maximum/);
});

/** Pulls a batch and acks the messages that `which` selects. Returns all seqs. */
async function pull(puller: Puller, which: (seq: number) => boolean): Promise<number[]> {
  const messages = await puller.batch();
  for (const message of messages) if (which(message.seq)) message.ack();
  return messages.map(({ seq }) => seq);
}

Deno.test("progress is what is acked without a gap, and skips deleted messages", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  await ensureRoomsStream(manager, LIMITS);
  await ensureArchiveConsumer(manager);
  const puller = new Puller(bus, 4, 0);
  const floor = async () => (await readProgress(manager)).floor;
  const reaches = (to: number) => until(`the floor to be ${to}`, async () => await floor() === to);
  assert.equal(await floor(), 0);

  await store(bus, Array.from({ length: 10 }, (_, i) => event("lobby", `${i}`)));
  assert.equal(await floor(), 0);
  assert.deepEqual(await pull(puller, (seq) => seq !== 3), [1, 2, 3, 4]);
  await reaches(2);
  assert.equal((await readProgress(manager)).last, 10);
  await manager.streams.deleteMessage(ROOMS_STREAM, 3);
  await reaches(4);

  // The end of the log is deleted before delivery, so it is never acked.
  assert.deepEqual(await pull(puller, () => true), [5, 6, 7, 8]);
  await manager.streams.deleteMessage(ROOMS_STREAM, 9);
  await manager.streams.deleteMessage(ROOMS_STREAM, 10);
  await reaches(10);

  // The same for a purge of the whole log.
  await store(bus, Array.from({ length: 5 }, (_, i) => event("lobby", `again ${i}`)));
  assert.ok(await floor() < 11);
  await manager.streams.purge(ROOMS_STREAM);
  await reaches(15);
  puller.close();
});

Deno.test("a new consumer on a purged log starts where the log does", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager: JetStreamManager = await managerOf(bus);
  await ensureRoomsStream(manager, LIMITS);
  await store(bus, Array.from({ length: 10 }, (_, i) => event("lobby", `${i}`)));
  await manager.streams.purge(ROOMS_STREAM, { seq: 6 });
  await ensureArchiveConsumer(manager);
  assert.equal((await readProgress(manager)).floor, 5);
});
