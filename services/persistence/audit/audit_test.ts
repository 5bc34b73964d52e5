import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { ArchiveAudit, HistoryRead, ROOMS_STREAM } from "../../contract/mod.ts";
import { FaultError, request } from "../../kit/mod.ts";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import type { Archive } from "../archive/archive.ts";
import { openSqliteArchive } from "../archive/open_archive.ts";
import type { PersistenceOptions } from "../persistence.ts";
import {
  connectTestBus,
  event,
  managerOf,
  ready,
  startPersistence,
  store,
  type TestBus,
} from "../persistence_suite.ts";

/** Runs the service with 20 archived messages of two rooms. `change` runs SQL by hand. */
async function withArchive(
  run: (parts: { bus: TestBus; archive: Archive; change: (sql: string) => void }) => Promise<void>,
  options: Partial<PersistenceOptions> = {},
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-audit-" });
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archive = await openSqliteArchive(`${folder}/archive.db`);
  const byHand = new DatabaseSync(`${folder}/archive.db`, { timeout: 1_000 });
  {
    await using service = await startPersistence(bus, archive, options);
    await ready(service);
    await store(
      bus,
      Array.from({ length: 20 }, (_, i) => event(i % 2 === 0 ? "lobby" : "hall", `${i + 1}`)),
    );
    await until("the archive", async () => (await archive.generations())[0]!.position === 20);
    await run({ bus, archive, change: (sql) => byHand.exec(sql) });
  }
  byHand.close();
  await archive.close();
  await Deno.remove(folder, { recursive: true });
}

/** What an audit of the whole log finds: `kind first-last room`. */
async function findings(bus: TestBus, repair = false): Promise<string[]> {
  const report = await request(bus, ArchiveAudit, { repair });
  assert.equal(report.next, undefined);
  return report.findings.map(({ kind, first, last, room }) =>
    [kind, first === last ? first : `${first}-${last}`, room].filter((part) => part).join(" ")
  );
}

const ids = async (bus: TestBus, room: string) =>
  (await request(bus, HistoryRead, { room, limit: 99, after: 0 })).messages.map(({ id }) =>
    Number(id)
  );

Deno.test("an untouched archive equals the log", () =>
  withArchive(async ({ bus }) => {
    const report = await request(bus, ArchiveAudit, {});
    const { epoch: _, ...rest } = report;
    assert.deepEqual(rest, { from: 1, to: 20, messages: 20, findings: [], repaired: 0 });
    assert.equal((await request(bus, ArchiveAudit, { from: 11 })).messages, 10);
    assert.equal((await request(bus, ArchiveAudit, { from: 21 })).messages, 0);
  }));

Deno.test("rows deleted, changed or added by hand, and skipped seqs, are found and repaired", () =>
  withArchive(async ({ bus, archive, change }) => {
    change("DELETE FROM hopwire_message WHERE seq = 3");
    change(`UPDATE hopwire_message SET event = '{"content":"forged"}' WHERE seq = 6`);
    change("UPDATE hopwire_message SET seq = 13 WHERE seq = 12");
    // A position that moved past messages which never arrived.
    change("DELETE FROM hopwire_message WHERE seq > 18");
    const found = [
      "missing 3 lobby",
      "changed 6 hall",
      "missing 12 hall",
      "extra 13 hall",
      "missing 19 lobby",
      "missing 20 hall",
    ];
    assert.deepEqual(await findings(bus), found);
    assert.deepEqual(await findings(bus, true), found);
    // What was added stays: an audit deletes nothing.
    assert.deepEqual(await findings(bus), ["extra 13 hall"]);
    change("DELETE FROM hopwire_message WHERE seq = 13 AND room = 'hall'");
    assert.deepEqual(await findings(bus), []);
    assert.deepEqual(await ids(bus, "lobby"), [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    assert.deepEqual(await ids(bus, "hall"), [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
    assert.equal((await archive.generations()).length, 1);
  }));

Deno.test("an unexplained hole fails readiness until a repair records it as lost", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-audit-" });
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const archive = await openSqliteArchive(`${folder}/archive.db`);
  // A server that lost a message: it neither delivers it nor lists it as deleted.
  const info = manager.streams.info.bind(manager.streams);
  manager.streams.info = async (name, options) => {
    const stream = await info(name, options);
    return { ...stream, state: { ...stream.state, deleted: [] } };
  };
  {
    await using service = await startPersistence(bus, archive, {}, manager);
    await ready(service);
    await store(bus, [event("lobby", "1"), event("lobby", "2")]);
    await until("the archive", async () => (await archive.generations())[0]!.position === 2);
    // Stored and lost before it is archived.
    const hold = archive.append;
    let held = 0;
    archive.append = () => {
      held++;
      return Promise.reject(new Error("held"));
    };
    await store(bus, [event("lobby", "3"), event("lobby", "4")]);
    await until("both to be read", () => held > 0);
    await manager.streams.deleteMessage(ROOMS_STREAM, 3);
    archive.append = hold;
    await until("the archive", async () => (await archive.generations())[0]!.position === 4);
    await until("readiness to fail", () => service.health.missing().length === 1);
    assert.deepEqual(service.health.missing(), ["no unexplained holes"]);
    assert.ok(
      bus.lines.some(({ level, message, from }) =>
        level === "error" && /it should have/.test(message) && from === 3
      ),
    );
    // No page spans the hole. A gateway that replays is told that something is missing.
    const read = (query: object) =>
      request(bus, HistoryRead, { room: "lobby", limit: 9, ...query });
    assert.deepEqual((await read({})).messages.map(({ seq }) => seq), [4]);
    await assert.rejects(
      read({ before: 4 }),
      (error) => error instanceof FaultError && error.fault.code === "unavailable",
    );
    assert.deepEqual((await read({ before: 3 })).messages.map(({ seq }) => seq), [2, 1]);
    const replayed = await read({ after: 1, upTo: 4, repair: true });
    assert.deepEqual([replayed.messages.length, replayed.trimmedTo], [2, 3]);
    assert.deepEqual(await findings(bus), ["unexplained 3"]);
    assert.deepEqual(await findings(bus, true), ["unexplained 3"]);
    await ready(service);
    assert.deepEqual((await read({ before: 4 })).messages.map(({ seq }) => seq), [2, 1]);
  }
  await archive.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the continuous audit finds a difference by itself", () =>
  withArchive(async ({ bus, change }) => {
    change("DELETE FROM hopwire_message WHERE seq = 7");
    const line = await until(
      "the finding",
      () => bus.lines.find(({ message }) => message === "log and archive differ"),
    );
    assert.deepEqual([line.level, line.kind, line.from, line.room], [
      "error",
      "missing",
      7,
      "lobby",
    ]);
  }, { auditMs: 20 }));

Deno.test("what retention deleted and what was deleted from the log is no difference", () =>
  withArchive(async ({ bus, archive }) => {
    await (await managerOf(bus)).streams.deleteMessage(ROOMS_STREAM, 8);
    const { epoch } = (await archive.generations())[0]!;
    await until(
      "retention",
      async () => (await archive.seqs({ epoch, room: "lobby" }, 1, 20, 20)).length === 2,
    );
    assert.deepEqual(await findings(bus, true), []);
    assert.deepEqual(await ids(bus, "lobby"), [17, 19]);
  }, { retention: [{ pattern: "lobby", maxMessages: 2 }], retentionMs: 20 }));
