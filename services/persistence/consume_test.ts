import assert from "node:assert/strict";
import { jetstream } from "@nats-io/jetstream";
import { ARCHIVE_CONSUMER, HistoryRead, messageSubject, ROOMS_STREAM } from "../contract/mod.ts";
import { request } from "../kit/mod.ts";
import { startNats } from "../../tests/harness/nats.ts";
import { postgresMissing, startPostgres } from "../../tests/harness/postgres.ts";
import { until } from "../../tests/harness/wait.ts";
import {
  connectTestBus,
  event,
  LIMITS,
  managerOf,
  ready,
  startPersistence,
  store,
  type TestBus,
} from "./persistence_suite.ts";
import { openPostgresArchive } from "./postgres_archive.ts";
import { Puller } from "./puller.ts";
import { openSqliteArchive } from "./sqlite_archive.ts";
import { ensureArchiveConsumer, ensureRoomsStream, readProgress } from "./stream.ts";
import { watchArchive } from "./watch_archive.ts";

const missing = await postgresMissing();

const events = (from: number, to: number, room = "lobby") =>
  Array.from({ length: to - from }, (_, i) => event(room, `${from + i}`));

/** Everything in a room's archive, once it has reached `upTo`: [seq, prev, id]. */
async function everything(bus: TestBus, room: string, upTo: number) {
  const all: [number, number, string][] = [];
  for (let more = true; more;) {
    const after = all.at(-1)?.[0] ?? 0;
    const page = await until(
      `history of ${room}`,
      () => request(bus, HistoryRead, { room, after, limit: 500, upTo }),
    );
    all.push(
      ...page.messages.map(({ seq, prev, id }): [number, number, string] => [seq, prev, id]),
    );
    more = page.more;
  }
  return all;
}

Deno.test("invalid events keep their place in the order and break nothing", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archive = await openSqliteArchive(":memory:");
  {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    const js = jetstream(bus.nats);
    const subject = messageSubject("lobby");
    await store(bus, [event("lobby", "first")]);
    await js.publish(subject, "{no json");
    await js.publish(subject, JSON.stringify({ ...event("lobby", "x"), timestamp: -1 }));
    await js.publish(subject, JSON.stringify(event("hall", "x")));
    await js.publish("room.message.1.lobby", JSON.stringify(event("lobby", "x")));
    await js.publish("room.message.no", new Uint8Array([0xff]));
    const [last] = await store(bus, [event("lobby", "last")]);
    assert.deepEqual(await everything(bus, "lobby", last!), [
      [1, 0, "first"],
      [2, 1, "invalid-2"],
      [3, 2, "invalid-3"],
      [4, 3, "invalid-4"],
      [7, 4, "last"],
    ]);
    const { messages } = await request(bus, HistoryRead, { room: "lobby", limit: 1, before: 3 });
    const { timestamp, ...placeholder } = messages[0]!;
    assert.deepEqual(placeholder, {
      room: "lobby",
      id: "invalid-2",
      userId: "unknown",
      username: "",
      content: null,
      seq: 2,
      prev: 1,
    });
    assert.ok(Math.abs(timestamp - Date.now()) < 60_000);
    const said = bus.lines.filter(({ message }) => message.includes("invalid event"));
    assert.deepEqual(said.map(({ seq, subject }) => [seq, subject]), [
      [2, subject],
      [3, subject],
      [4, subject],
      [5, "room.message.1.lobby"],
      [6, "room.message.no"],
    ]);
  }
  await archive.close();
});

Deno.test("NATS is killed and comes back: archiving goes on with the same log", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archive = await openSqliteArchive(":memory:");
  {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    await store(bus, events(0, 100));
    await server.restart();
    await until("NATS to be back", () => bus.connected);
    const [last] = (await until("messages to be stored", () => store(bus, events(100, 200))))
      .slice(-1);
    const all = await everything(bus, "lobby", last!);
    assert.deepEqual(all.map(([, , id]) => id), Array.from({ length: 200 }, (_, i) => `${i}`));
    await ready(service);
  }
  await archive.close();
});

Deno.test("stream and consumer are deleted while it runs: it goes on with what is made anew", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const archive = await openSqliteArchive(":memory:");
  {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    await store(bus, events(0, 10));
    await everything(bus, "lobby", 10);
    await manager.consumers.delete(ROOMS_STREAM, ARCHIVE_CONSUMER);
    await store(bus, events(10, 20));
    assert.equal((await everything(bus, "lobby", 20)).length, 20);
    const { epoch } = await request(bus, HistoryRead, { room: "lobby", limit: 1 });

    await manager.streams.delete(ROOMS_STREAM);
    await until("a message to be stored", () => store(bus, [event("lobby", "anew")]));
    await until("the new log", async () => {
      const page = await request(bus, HistoryRead, { room: "lobby", limit: 1 });
      return page.epoch !== epoch && page.messages[0]?.id === "anew";
    });
  }
  await archive.close();
});

Deno.test({
  name: `the database is away: nothing is acked, readiness says so, nothing is lost ${
    missing ?? ""
  }`,
  ignore: missing !== null,
  async fn() {
    await using postgres = await startPostgres();
    await using server = await startNats();
    await using bus = await connectTestBus(server);
    const manager = await managerOf(bus);
    const archive = openPostgresArchive(await postgres.createDatabase());
    {
      await using service = await startPersistence(bus, archive, { batch: 50 });
      await ready(service);
      await store(bus, events(0, 100));
      await everything(bus, "lobby", 100);
      await postgres.crash();
      // Found out without any traffic.
      await until("readiness to say so", () => service.health.missing().includes("archive"));
      await store(bus, events(100, 600));
      await until("a batch to be held", async () => {
        const info = await manager.consumers.info(ROOMS_STREAM, ARCHIVE_CONSUMER);
        return info.num_ack_pending > 0;
      });
      const info = await manager.consumers.info(ROOMS_STREAM, ARCHIVE_CONSUMER);
      assert.equal(info.ack_floor.stream_seq, 100);
      assert.ok(info.num_ack_pending <= 50, "one batch is held, no more");
      await postgres.restart();
      const all = await everything(bus, "lobby", 600);
      assert.deepEqual(all.map(([, , id]) => id), Array.from({ length: 600 }, (_, i) => `${i}`));
      await ready(service);
    }
    await archive.close();
  },
});

Deno.test({
  name: `it starts before its database, and waits for it ${missing ?? ""}`,
  ignore: missing !== null,
  async fn() {
    await using postgres = await startPostgres();
    const url = await postgres.createDatabase();
    await postgres.crash();
    await using server = await startNats();
    await using bus = await connectTestBus(server);
    const archive = openPostgresArchive(url);
    {
      await using service = await startPersistence(bus, archive);
      await until(
        "the first try",
        () => bus.lines.some(({ message }) => /not reached/.test(message)),
      );
      assert.deepEqual(service.health.missing(), ["archive", "stream"]);
      await postgres.restart();
      await ready(service);
      const [last] = await store(bus, [event("lobby", "1")]);
      assert.equal((await everything(bus, "lobby", last!)).length, 1);
    }
    await archive.close();
  },
});

Deno.test("an archive that reads but does not write is not reached", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archive = await openSqliteArchive(":memory:");
  let full = true;
  const watched = watchArchive({
    name: "a full disk",
    append: (epoch, rows) =>
      full ? Promise.reject(new Error("disk full")) : archive.append(epoch, rows),
    page: (query) => archive.page(query),
    lastSeq: (epoch) => archive.lastSeq(epoch),
    markLost: (epoch, upTo) => archive.markLost(epoch, upTo),
    setAside: (epoch, above) => archive.setAside(epoch, above),
    rooms: (after, limit) => archive.rooms(after, limit),
    trim: (targets) => archive.trim(targets),
    close: () => archive.close(),
  }, bus.log);
  assert.equal(watched.reached, false);
  await watched.lastSeq("e");
  assert.equal(watched.reached, true);
  for (let i = 0; i < 3; i++) {
    await assert.rejects(watched.append("e", []), /disk full/);
    await watched.lastSeq("e");
    assert.equal(watched.reached, false);
  }
  full = false;
  await watched.append("e", []);
  assert.equal(watched.reached, true);
  assert.deepEqual(bus.lines.map(({ level, message }) => [level, message]), [
    ["error", "the archive is not reached"],
    ["info", "the archive is reached again"],
  ]);
  await watched.close();
});

Deno.test("what is archived before what precedes it is not shown before it", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  await ensureRoomsStream(manager, LIMITS);
  await ensureArchiveConsumer(manager);
  const archive = await openSqliteArchive(":memory:");
  // Another instance takes the first two messages, and dies with them.
  await store(bus, events(0, 2));
  const other = new Puller(bus, 2, 0);
  assert.equal((await other.batch()).length, 2);
  other.close();
  {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    await store(bus, events(2, 3));
    const { epoch } = await readProgress(manager);
    await until("the third to be archived", async () => await archive.lastSeq(epoch) === 3);
    const read = () => request(bus, HistoryRead, { room: "lobby", limit: 5, after: 0 });
    const counts = new Set<number>();
    await until("all to be shown", async () => {
      const { length } = (await read()).messages;
      counts.add(length);
      return length === 3;
    });
    assert.deepEqual([...counts], [0, 3]);
    assert.equal((await everything(bus, "lobby", 3)).length, 3);
  }
  await archive.close();
});

Deno.test("two instances in one database archive everything once, whoever has it", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  await using other = await connectTestBus(server);
  const folder = await Deno.makeTempDir({ prefix: "hopwire-two-" });
  const archives = [
    await openSqliteArchive(`${folder}/archive.db`),
    await openSqliteArchive(`${folder}/archive.db`),
  ] as const;
  const shares = archives.map((archive) => {
    const share = { rows: 0 };
    const append = archive.append.bind(archive);
    archive.append = (epoch, rows) => {
      share.rows += rows.length;
      return append(epoch, rows);
    };
    return share;
  });
  {
    await using first = await startPersistence(bus, archives[0], { batch: 20 });
    await using second = await startPersistence(other, archives[1], { batch: 20 });
    await Promise.all([ready(first), ready(second)]);
    const storing = store(bus, events(0, 2_000));
    // Read while it is being filled: what a page shows is whole up to its last message.
    for (let i = 0; i < 50; i++) {
      const { messages } = await request(bus, HistoryRead, { room: "lobby", after: 0, limit: 500 });
      messages.forEach(({ seq, prev }, i) => {
        assert.equal(seq, i + 1);
        assert.equal(prev, i);
      });
    }
    const [last] = (await storing).slice(-1);
    const all = await everything(bus, "lobby", last!);
    assert.deepEqual(all.map(([, , id]) => id), Array.from({ length: 2_000 }, (_, i) => `${i}`));
    for (const { rows } of shares) assert.ok(rows > 0, "one of the two did nothing");
  }
  await Promise.all(archives.map((archive) => archive.close()));
  await Deno.remove(folder, { recursive: true });
});
