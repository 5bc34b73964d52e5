import assert from "node:assert/strict";
import { StorageType } from "@nats-io/jetstream";
import { HEADERS, liveSubject, messageSubject, ROOMS_STREAM } from "../../contract/mod.ts";
import { startNats } from "../../../tests/harness/nats.ts";
import { connectTestBus, event, LIMITS, managerOf, store } from "../persistence_suite.ts";
import { epochOf, epochOfStream } from "../../kit/mod.ts";
import {
  CLOSED_MAX_MESSAGE_BYTES,
  continueAfter,
  ensureRoomsStream,
  logStream,
  MAX_MESSAGE_BYTES,
  readMessage,
  writeEpoch,
} from "./stream.ts";

Deno.test("the stream is created as the contract says, and republishes what it stores", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const { config } = await ensureRoomsStream(logStream(manager), {
    maxAge: 600,
    maxBytes: 5_000_000,
  });
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
  const first = await ensureRoomsStream(logStream(manager), LIMITS);
  await store(bus, [event("lobby", "1")]);
  const again = await ensureRoomsStream(logStream(manager), LIMITS);
  assert.deepEqual(again.config, first.config);
  assert.equal(again.created, first.created);
  assert.equal(again.state.messages, 1);
  // An operator's settings are kept.
  await manager.streams.update(ROOMS_STREAM, { description: "rooms of ours" });
  const changed = await ensureRoomsStream(logStream(manager), { ...LIMITS, maxAge: 7_200 });
  assert.equal(changed.config.max_age, 7_200e9);
  assert.equal(changed.config.description, "rooms of ours");
  assert.equal(changed.state.messages, 1);
});

Deno.test("many instances may create the stream at once, with different limits", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const infos = await Promise.all(
    Array.from(
      { length: 10 },
      (_, i) => ensureRoomsStream(logStream(manager), { ...LIMITS, maxAge: 600 + (i % 2) }),
    ),
  );
  assert.equal(new Set(infos.map(({ created }) => String(created))).size, 1);
});

Deno.test("a stream that does not republish is refused with instructions", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  await manager.streams.add({ name: ROOMS_STREAM, subjects: ["room.message.>"] });
  await assert.rejects(
    ensureRoomsStream(logStream(manager), LIMITS),
    /ROOMS does not republish .* delete the stream/,
  );
});

Deno.test("a closed log stays closed", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  await ensureRoomsStream(logStream(manager), LIMITS);
  await manager.streams.update(ROOMS_STREAM, { max_msg_size: CLOSED_MAX_MESSAGE_BYTES });
  const { config } = await ensureRoomsStream(logStream(manager), { ...LIMITS, maxAge: 7_200 });
  assert.equal(config.max_msg_size, CLOSED_MAX_MESSAGE_BYTES);
  await assert.rejects(store(bus, [event("lobby", "1")]), /exceeds maximum/);
});

Deno.test("a message too large for history is refused", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  await ensureRoomsStream(logStream(await managerOf(bus)), LIMITS);
  const large = event("lobby", "1", { content: "x".repeat(MAX_MESSAGE_BYTES) });
  await assert.rejects(store(bus, [large]), /exceeds maximum/);
});

Deno.test("an empty log continues after any seq, also when the server restarts", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const created = await ensureRoomsStream(logStream(manager), LIMITS, { closed: true });
  assert.equal(created.config.max_msg_size, CLOSED_MAX_MESSAGE_BYTES);
  const { state, config } = await continueAfter(logStream(manager), 1_000);
  assert.deepEqual([state.messages, state.first_seq, state.last_seq], [0, 1_001, 1_000]);
  assert.equal(config.max_msg_size, MAX_MESSAGE_BYTES);
  assert.deepEqual(await store(bus, [event("lobby", "1")]), [1_001]);
  // A log that has messages keeps them.
  const kept = await continueAfter(logStream(manager), 5_000);
  assert.deepEqual([kept.state.messages, kept.state.last_seq], [1, 1_001]);
});

Deno.test("an epoch is written into the stream's description, and read from it", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const stream = await ensureRoomsStream(logStream(manager), LIMITS);
  assert.equal(epochOfStream(stream), epochOf(String(stream.created)));
  await writeEpoch(logStream(manager), "r7k2");
  const again = await ensureRoomsStream(logStream(manager), { ...LIMITS, maxAge: 7_200 });
  assert.equal(epochOfStream(again), "r7k2");
  assert.equal(again.config.description, "Hopwire: the messages of all rooms; generation r7k2");
});

Deno.test("a message is read by its seq, or the next one after it", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  await ensureRoomsStream(logStream(manager), LIMITS);
  const before = Date.now();
  await store(bus, [event("lobby", "1"), event("hall", "2"), event("lobby", "3")]);
  await manager.streams.deleteMessage(ROOMS_STREAM, 2);
  const first = (await readMessage(logStream(manager), 1))!;
  assert.equal(first.subject, messageSubject("lobby"));
  assert.equal(JSON.parse(new TextDecoder().decode(first.data)).id, "1");
  assert.ok(first.storedAt >= before - 1 && first.storedAt <= Date.now());
  assert.match(first.time, new RegExp(`^${first.storedAt}\\d{6}$`));
  assert.equal(await readMessage(logStream(manager), 2), null);
  assert.equal((await readMessage(logStream(manager), 2, true))!.seq, 3);
  assert.equal(await readMessage(logStream(manager), 4, true), null);
});
