import assert from "node:assert/strict";
import { jetstream } from "@nats-io/jetstream";
import { HistoryRead, messageSubject, ROOMS_STREAM } from "../../contract/mod.ts";
import { request } from "../../kit/mod.ts";
import { startNats } from "../../../tests/harness/nats.ts";
import { postgresMissing, startPostgres } from "../../../tests/harness/postgres.ts";
import { until } from "../../../tests/harness/wait.ts";
import { ensureRoomsStream, logStream } from "../log/stream.ts";
import {
  connectTestBus,
  event,
  LIMITS,
  managerOf,
  ready,
  startPersistence,
  store,
  type TestBus,
} from "../persistence_suite.ts";
import { openPostgresArchive, openSqliteArchive } from "../archive/open_archive.ts";

const missing = await postgresMissing();

const events = (from: number, to: number, room = "lobby") =>
  Array.from({ length: to - from }, (_, i) => event(room, `${from + i}`));

/** Reads a room's whole archive once it has reached `upTo`, as [seq, prev, id]. */
async function readAll(bus: TestBus, room: string, upTo: number) {
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

Deno.test("invalid events keep their place in the order", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archive = await openSqliteArchive(":memory:");
  {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    const js = jetstream(bus.nats);
    const subject = messageSubject("lobby");
    await store(bus, [event("lobby", "first")]);
    await js.publish(subject, "{not json");
    await js.publish(subject, JSON.stringify({ ...event("lobby", "x"), timestamp: -1 }));
    await js.publish(subject, JSON.stringify(event("hall", "x")));
    await js.publish("room.message.1.lobby", JSON.stringify(event("lobby", "x")));
    await js.publish("room.message.no", new Uint8Array([0xff]));
    const [last] = await store(bus, [event("lobby", "last")]);
    assert.deepEqual(await readAll(bus, "lobby", last!), [
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
    const logged = bus.lines.filter(({ message }) => message.includes("invalid event"));
    assert.deepEqual(logged.map(({ seq, subject }) => [seq, subject]), [
      [2, subject],
      [3, subject],
      [4, subject],
      [5, "room.message.1.lobby"],
      [6, "room.message.no"],
    ]);
  }
  await archive.close();
});

Deno.test("archiving continues with the same log after NATS restarts", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archive = await openSqliteArchive(":memory:");
  {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    await store(bus, events(0, 100));
    await server.restart();
    await until("the connection to be back", () => bus.connected);
    const [last] = (await until("messages to be stored", () => store(bus, events(100, 200))))
      .slice(-1);
    const all = await readAll(bus, "lobby", last!);
    assert.deepEqual(all.map(([, , id]) => id), Array.from({ length: 200 }, (_, i) => `${i}`));
    await ready(service);
  }
  await archive.close();
});

Deno.test("archiving continues after the consumer or the stream is deleted", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const archive = await openSqliteArchive(":memory:");
  {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    await store(bus, events(0, 10));
    await readAll(bus, "lobby", 10);
    for await (const { name } of manager.consumers.list(ROOMS_STREAM)) {
      await manager.consumers.delete(ROOMS_STREAM, name);
    }
    await store(bus, events(10, 20));
    assert.equal((await readAll(bus, "lobby", 20)).length, 20);
    const { epoch } = await request(bus, HistoryRead, { room: "lobby", limit: 1 });

    await manager.streams.delete(ROOMS_STREAM);
    // The new log goes on where the archive ends.
    assert.deepEqual(
      await until("a message to be stored", () => store(bus, [event("lobby", "anew")])),
      [21],
    );
    await until("the new log", async () => {
      const page = await request(bus, HistoryRead, { room: "lobby", limit: 1 });
      return page.epoch !== epoch && page.messages[0]?.id === "anew";
    });
  }
  await archive.close();
});

Deno.test({
  name: `a database outage fails readiness and loses nothing ${missing ?? ""}`,
  ignore: missing !== null,
  async fn() {
    await using postgres = await startPostgres();
    await using server = await startNats();
    await using bus = await connectTestBus(server);
    const archive = openPostgresArchive(await postgres.createDatabase());
    {
      await using service = await startPersistence(bus, archive, { batch: 50 });
      await ready(service);
      await store(bus, events(0, 100));
      await readAll(bus, "lobby", 100);
      await postgres.crash();
      // The probe notices this without traffic.
      await until("readiness to fail", () => service.health.missing().includes("archive"));
      await store(bus, events(100, 600));
      await postgres.restart();
      const all = await readAll(bus, "lobby", 600);
      assert.deepEqual(all.map(([, , id]) => id), Array.from({ length: 600 }, (_, i) => `${i}`));
      await ready(service);
    }
    await archive.close();
  },
});

Deno.test({
  name: `the service starts before its database and waits for it ${missing ?? ""}`,
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
        "the first attempt",
        () => bus.lines.some(({ message }) => /unavailable/.test(message)),
      );
      assert.deepEqual(service.health.missing(), ["archive", "stream"]);
      await postgres.restart();
      await ready(service);
      const [last] = await store(bus, [event("lobby", "1")]);
      assert.equal((await readAll(bus, "lobby", last!)).length, 1);
    }
    await archive.close();
  },
});

Deno.test("of two instances on one database one archives, and both serve history", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  await using other = await connectTestBus(server);
  const folder = await Deno.makeTempDir({ prefix: "hopwire-two-" });
  const archives = [
    await openSqliteArchive(`${folder}/archive.db`),
    await openSqliteArchive(`${folder}/archive.db`),
  ] as const;
  const shares = archives.map((archive) => {
    const share = { rows: 0, pages: 0 };
    const { append, page } = archive;
    archive.append = (term, batch) => {
      share.rows += batch.rows.length;
      return append.call(archive, term, batch);
    };
    archive.page = (query) => {
      share.pages++;
      return page.call(archive, query);
    };
    return share;
  });
  {
    await using first = await startPersistence(bus, archives[0], { batch: 20 });
    await using second = await startPersistence(other, archives[1], { batch: 20 });
    await Promise.all([ready(first), ready(second)]);
    const storing = store(bus, events(0, 2_000));
    // Reads while the archive fills. Every page is complete up to its last message.
    for (let i = 0; i < 50; i++) {
      const { messages } = await request(bus, HistoryRead, { room: "lobby", after: 0, limit: 500 });
      messages.forEach(({ seq, prev }, i) => {
        assert.equal(seq, i + 1);
        assert.equal(prev, i);
      });
    }
    const [last] = (await storing).slice(-1);
    const all = await readAll(bus, "lobby", last!);
    assert.deepEqual(all.map(([, , id]) => id), Array.from({ length: 2_000 }, (_, i) => `${i}`));
    assert.deepEqual(shares.map(({ rows }) => rows).sort((a, b) => a - b), [0, 2_000]);
    await until("both to have served a page", async () => {
      await request(bus, HistoryRead, { room: "lobby", limit: 1 });
      return shares.every(({ pages }) => pages > 0);
    });
  }
  await Promise.all(archives.map((archive) => archive.close()));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("purging rooms from the log while it is archived loses nothing of the others", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const archive = await openSqliteArchive(":memory:");
  {
    await using service = await startPersistence(bus, archive, { batch: 20, batchMs: 0 });
    await ready(service);
    // nats-server 2.9.10 moves consumers past messages that such a purge does not even concern.
    let purging = true;
    const purge = (async () => {
      for (let seq = 2; purging; seq += 50) {
        await manager.streams.purge(ROOMS_STREAM, { filter: messageSubject("short"), seq });
        await manager.streams.purge(ROOMS_STREAM, { filter: messageSubject("short") });
      }
    })();
    const seqs: number[] = [];
    for (let i = 0; i < 150; i++) {
      seqs.push((await store(bus, [event("kept", `${i}`), event("short", `${i}`)]))[0]!);
    }
    purging = false;
    await purge;
    const all = await readAll(bus, "kept", seqs.at(-1)!);
    assert.deepEqual(all.map(([, , id]) => id), Array.from({ length: 150 }, (_, i) => `${i}`));
  }
  await archive.close();
});

Deno.test("messages at the end of the log that the server never delivers are fetched", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const archive = await openSqliteArchive(":memory:");
  // A consumer that the server has moved to the end of the stream.
  const add = manager.consumers.add.bind(manager.consumers);
  const skipping = Object.assign(Object.create(manager), {
    consumers: Object.assign(Object.create(manager.consumers), {
      add: (stream: string, config: Parameters<typeof add>[1]) =>
        add(stream, { ...config, opt_start_seq: 100 }),
    }),
  });
  {
    await ensureRoomsStream(logStream(manager), LIMITS);
    await store(bus, events(0, 10));
    await using service = await startPersistence(bus, archive, {}, skipping);
    await ready(service);
    assert.equal((await readAll(bus, "lobby", 10)).length, 10);
    assert.ok(bus.lines.some(({ message }) => /delivered nothing of the log's end/.test(message)));
  }
  await archive.close();
});
