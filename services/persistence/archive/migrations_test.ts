import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { startNats } from "../../../tests/harness/nats.ts";
import { postgresMissing, startPostgres } from "../../../tests/harness/postgres.ts";
import { until } from "../../../tests/harness/wait.ts";
import {
  connectTestBus,
  event,
  LIMITS,
  managerOf,
  ready,
  startPersistence,
  store,
} from "../persistence_suite.ts";
import { ensureRoomsStream, logStream } from "../log/stream.ts";
import { epochOfStream } from "../../kit/mod.ts";
import type { Archive } from "./archive.ts";
import { openPostgresArchive, openSqliteArchive } from "./open_archive.ts";

const missing = await postgresMissing();
const fixture = (name: string) => new URL(`fixtures/${name}`, import.meta.url);

/** Copies the SQLite archive of version 1 into a new folder. */
async function oldSqliteFile(): Promise<{ folder: string; path: string }> {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-migration-" });
  const path = `${folder}/archive.db`;
  await Deno.copyFile(fixture("version_1.db"), path);
  return { folder, path };
}

/** Asserts that an archive has everything that version 1 had, in the order of its epochs. */
async function assertMigrated(archive: Archive): Promise<void> {
  const generations = await archive.generations();
  const moved = generations.find(({ epoch }) => epoch.includes("~"))!.epoch;
  assert.deepEqual(
    generations.map(({ epoch, position, unverified }) => [epoch, position, unverified]),
    [
      [moved, 6, false],
      ["3aryit1ndz5new", 6, true],
      ["3aryit1ndz5old", 5, true],
      ["3aryit1ndz5lost", 3, true],
    ],
  );
  const page = async (epoch: string, room: string) => {
    const query = { epoch, room, after: 0, limit: 9, maxBytes: 1e6 };
    const { messages, trimmedTo } = await archive.page(query);
    return [messages.map(({ event }) => JSON.parse(event).id), trimmedTo];
  };
  assert.deepEqual(await page("3aryit1ndz5old", "lobby"), [["old-1", "old-3", "old-5"], 0]);
  assert.deepEqual(await page("3aryit1ndz5new", "lobby"), [["new-3", "new-5"], 1]);
  assert.deepEqual(await page("3aryit1ndz5new", "hall"), [["new-2", "new-4", "new-6"], 0]);
  assert.deepEqual(await page("3aryit1ndz5lost", "hall"), [[], 3]);
  assert.deepEqual(await archive.lease(), { holder: "", term: 0, beat: 0 });
}

Deno.test("SQLite: an archive of version 1 keeps everything", async () => {
  const { folder, path } = await oldSqliteFile();
  for (let i = 0; i < 2; i++) {
    const archive = await openSqliteArchive(path);
    await assertMigrated(archive);
    await archive.close();
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test({
  name: `PostgreSQL: an archive of version 1 keeps everything ${missing ?? ""}`,
  ignore: missing !== null,
  async fn() {
    await using server = await startPostgres();
    const url = await server.createDatabase();
    const client = new pg.Client(url);
    await client.connect();
    await client.query(await Deno.readTextFile(fixture("version_1.sql")));
    await client.end();
    for (let i = 0; i < 2; i++) {
      const archive = openPostgresArchive(url);
      await assertMigrated(archive);
      await archive.close();
    }
  },
});

/** Asserts that an archive has everything that version 2 had, as that of the first stream. */
async function assertOneStream(archive: Archive): Promise<void> {
  const generations = await archive.generations();
  assert.deepEqual(
    generations.map((
      { epoch, firstSeq, position, mark },
    ) => [epoch, firstSeq, position, mark?.hash]),
    [["3aryit1ndz5old", 1, 4, "ab"], ["3aryit1ndz5new", 5, 8, "cd"]],
  );
  assert.equal(await archive.streamCount(), 1);
  const seqs = async (epoch: string, room: string) =>
    await archive.seqs({ epoch, room }, 1, 99, 99);
  assert.deepEqual(await seqs("3aryit1ndz5old", "lobby"), [4]);
  assert.deepEqual(await seqs("3aryit1ndz5new", "lobby"), [5, 7]);
  assert.deepEqual(await archive.trimMarks("3aryit1ndz5old", ["lobby"]), [1]);
  assert.deepEqual(await archive.unexplained(9), [
    { first: 8, last: 8, kind: "unknown", epoch: "3aryit1ndz5new" },
  ]);
  assert.deepEqual(await archive.due(1, 9), [{ epoch: "3aryit1ndz5new", room: "hall" }]);
  assert.equal(await archive.setting("retention"), "[]");
  assert.deepEqual((await archive.lease()).holder, "");
  // The others have nothing yet, and a lease of their own.
  const other = archive.of("ROOMS_1", 2);
  assert.deepEqual([await other.generations(), await other.due(1, 9), await other.rooms(null, 9)], [
    [],
    [],
    [],
  ]);
  assert.equal((await other.lease()).holder, "");
  // And the number of streams of an archive is changed by dividing one only.
  const term = (await other.takeLease("test", await other.lease()))!;
  await assert.rejects(
    other.startGeneration(term, "e", 1),
    /the log has 1 stream, and this instance counts 2/,
  );
  await other.releaseLease(term);
}

Deno.test("SQLite: an archive of version 2 keeps everything", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-migration-" });
  await Deno.copyFile(fixture("version_2.db"), `${folder}/archive.db`);
  for (let i = 0; i < 2; i++) {
    const archive = await openSqliteArchive(`${folder}/archive.db`);
    await assertOneStream(archive);
    await archive.close();
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test({
  name: `PostgreSQL: an archive of version 2 keeps everything, also while version 2 runs ${
    missing ?? ""
  }`,
  ignore: missing !== null,
  async fn() {
    await using server = await startPostgres();
    const url = await server.createDatabase();
    const client = new pg.Client(url);
    await client.connect();
    await client.query(await Deno.readTextFile(fixture("version_2.sql")));
    const archive = openPostgresArchive(url);
    await assertOneStream(archive);
    // What an instance of version 2 writes belongs to the first stream.
    await client.query(
      "INSERT INTO hopwire_generation VALUES (3, 'late', 9, 8, NULL, NULL, NULL, 0)",
    );
    assert.equal((await archive.generations()).at(-1)?.epoch, "late");
    await client.end();
    await archive.close();
  },
});

Deno.test("a newer archive is refused, with the reason", async () => {
  const { folder, path } = await oldSqliteFile();
  await (await openSqliteArchive(path)).close();
  const database = new DatabaseSync(path);
  database.exec("UPDATE hopwire_setting SET value = '9' WHERE key = 'schema_version'");
  database.close();
  await assert.rejects(openSqliteArchive(path), /schema version 9, and this version of Hopwire/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("messages that version 1 skipped below its last seq are archived after the upgrade", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const stream = await ensureRoomsStream(logStream(manager), LIMITS);
  await manager.consumers.add("ROOMS", { durable_name: "archive", ack_policy: "explicit" });
  const seqs = await store(bus, Array.from({ length: 8 }, (_, i) => event("lobby", `${i + 1}`)));
  const folder = await Deno.makeTempDir({ prefix: "hopwire-migration-" });
  const path = `${folder}/archive.db`;
  await Deno.copyFile(fixture("version_1.db"), path);
  const database = new DatabaseSync(path);
  // Version 1 had archived messages 1, 2 and 6 of this log, because two instances shared the work.
  database.exec("DELETE FROM message; DELETE FROM log; DELETE FROM trimmed");
  const insert = database.prepare("INSERT INTO message VALUES (?, 'lobby', ?, ?, ?)");
  for (const seq of [1, 2, 6]) {
    const { time, data } = (await manager.streams.getMessage("ROOMS", { seq }))!;
    insert.run(epochOfStream(stream), seq, time.getTime(), new TextDecoder().decode(data));
  }
  database.prepare("INSERT INTO log VALUES (?, 6, 0)").run(epochOfStream(stream));
  database.close();

  const archive = await openSqliteArchive(path);
  {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    const key = { epoch: epochOfStream(stream), room: "lobby" };
    await until("all of them", async () => (await archive.seqs(key, 1, 99, 99)).length === 8);
    assert.deepEqual(await archive.seqs(key, 1, 99, 99), seqs);
    const generations = await archive.generations();
    assert.deepEqual(generations.map(({ unverified }) => unverified), [false]);
    assert.ok(bus.lines.some(({ message, count }) => /older version/.test(message) && count === 3));
    await assert.rejects(manager.consumers.info("ROOMS", "archive"), /not found/);
  }
  await archive.close();
  await Deno.remove(folder, { recursive: true });
});
