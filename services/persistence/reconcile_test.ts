import assert from "node:assert/strict";
import { ARCHIVE_CONSUMER, ROOMS_STREAM } from "../contract/mod.ts";
import { startNats } from "../../tests/harness/nats.ts";
import { until } from "../../tests/harness/wait.ts";
import type { Archive } from "./archive.ts";
import { row } from "./archive_fixtures.ts";
import {
  connectTestBus,
  event,
  LIMITS,
  managerOf,
  ready,
  startPersistence,
  store,
} from "./persistence_suite.ts";
import { openSqliteArchive } from "./sqlite_archive.ts";
import { ensureRoomsStream } from "./stream.ts";
import { epochOf } from "../kit/mod.ts";

const newArchive = () => openSqliteArchive(":memory:");
const events = (count: number, room = "lobby") =>
  Array.from({ length: count }, (_, i) => event(room, `${i}`));

async function seqs(archive: Archive, epoch: string, room = "lobby") {
  const page = await archive.page({
    epoch,
    room,
    after: 0,
    limit: 500,
    maxBytes: 1_000_000,
    ceiling: 1_000_000,
  });
  return { seqs: page.messages.map(({ seq }) => seq), trimmedTo: page.trimmedTo };
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

Deno.test("a different archive is filled from the log again", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const first = await newArchive();
  const epoch = epochOf(String((await ensureRoomsStream(manager, LIMITS)).created));
  {
    await using service = await startPersistence(bus, first);
    await ready(service);
    await store(bus, events(20));
    await until("all to be archived", async () => await first.lastSeq(epoch) === 20);
  }
  await until("all to be acked", async () => {
    const { ack_floor } = await manager.consumers.info(ROOMS_STREAM, ARCHIVE_CONSUMER);
    return ack_floor.stream_seq === 20;
  });
  await manager.streams.purge(ROOMS_STREAM, { seq: 6 });

  const second = await newArchive();
  await using service = await startPersistence(bus, second);
  await ready(service);
  await until("all to be archived again", async () => await second.lastSeq(epoch) === 20);
  assert.deepEqual(await seqs(second, epoch), { seqs: range(6, 20), trimmedTo: 5 });
  assert.ok(bus.lines.some(({ message }) => message.includes("archiving the log again")));
  await Promise.all([first.close(), second.close()]);
});

Deno.test("history reports messages that left the log before they were archived", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const archive = await newArchive();
  const epoch = epochOf(String((await ensureRoomsStream(manager, LIMITS)).created));
  {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    await store(bus, events(5));
    await until("all to be archived", async () => await archive.lastSeq(epoch) === 5);
  }
  await store(bus, events(10));
  await manager.streams.purge(ROOMS_STREAM, { seq: 11 });
  await using service = await startPersistence(bus, archive);
  await ready(service);
  await until("the rest to be archived", async () => await archive.lastSeq(epoch) === 15);
  assert.deepEqual(await seqs(archive, epoch), {
    seqs: [...range(1, 5), ...range(11, 15)],
    trimmedTo: 10,
  });
  const logged = bus.lines.find(({ message }) => message.includes("before they were archived"))!;
  assert.deepEqual([logged.from, logged.to], [6, 10]);
  await archive.close();
});

Deno.test("after the log lost its end, new messages with the same seqs are archived", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const archive = await newArchive();
  const epoch = epochOf(String((await ensureRoomsStream(manager, LIMITS)).created));
  await store(bus, events(3));
  // Simulates two more messages that a power cut took from the log.
  await archive.append(epoch, [1, 2, 3, 4, 5].map((seq) => row(seq)));
  await using service = await startPersistence(bus, archive);
  await ready(service);
  await store(bus, [event("lobby", "new 4"), event("lobby", "new 5")]);
  await until("the new messages to be archived", async () => await archive.lastSeq(epoch) === 5);
  const page = await archive.page({
    epoch,
    room: "lobby",
    limit: 2,
    maxBytes: 10_000,
    ceiling: 5,
  });
  const ids = page.messages.map(({ event }) => JSON.parse(event).id);
  assert.deepEqual(ids, ["new 5", "new 4"]);
  const logged = bus.lines.find(({ message }) => message.includes("lost its last messages"))!;
  assert.deepEqual([logged.last, logged.count], [3, 2]);
  await archive.close();
});

Deno.test("a consistent archive and log need no repair", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archive = await newArchive();
  for (let round = 1; round <= 3; round++) {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    const [last] = (await store(bus, events(5))).slice(-1);
    const epoch = epochOf(
      String((await (await managerOf(bus)).streams.info(ROOMS_STREAM)).created),
    );
    await until("all to be archived", async () => await archive.lastSeq(epoch) === last);
  }
  assert.deepEqual(bus.lines.filter(({ level }) => level === "warn" || level === "error"), []);
  await archive.close();
});
