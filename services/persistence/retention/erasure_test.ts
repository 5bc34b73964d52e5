import assert from "node:assert/strict";
import {
  ArchiveAudit,
  HistoryErase,
  HistoryRead,
  ROOM_ERASED,
  RoomErased,
  ROOMS_STREAM,
} from "../../contract/mod.ts";
import { FaultError, request, subscribe } from "../../kit/mod.ts";
import { startNats } from "../../../tests/harness/nats.ts";
import { until, WAIT_DEADLINE_MS } from "../../../tests/harness/wait.ts";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { Archive } from "../archive/archive.ts";
import { openSqliteArchive } from "../archive/open_archive.ts";
import {
  connectTestBus,
  event,
  managerOf,
  ready,
  startPersistence,
  store,
  type TestBus,
} from "../persistence_suite.ts";

async function withPersistence(
  run: (
    bus: TestBus,
    told: string[],
    manager: JetStreamManager,
    archive: Archive,
  ) => Promise<void>,
) {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archive = await openSqliteArchive(":memory:");
  const told: string[] = [];
  subscribe(bus, ROOM_ERASED, RoomErased, ({ room, seqs }) => {
    told.push(`${room} ${seqs}`);
  });
  {
    const manager = await managerOf(bus);
    await using service = await startPersistence(bus, archive, {}, manager);
    await ready(service);
    await run(bus, told, manager, archive);
  }
  await archive.close();
}

const read = async (bus: TestBus, room: string) =>
  (await request(bus, HistoryRead, { room, limit: 9, after: 0 })).messages;

Deno.test("one message is erased everywhere, and keeps its place", () =>
  withPersistence(async (bus, told) => {
    await store(bus, ["1", "2", "3"].map((id) => event("lobby", id, { content: "secret" })));
    assert.deepEqual(await request(bus, HistoryErase, { room: "lobby", seq: 2 }), { erased: 1 });
    const messages = await read(bus, "lobby");
    assert.deepEqual(messages.map(({ seq, prev, id }) => [seq, prev, id]), [
      [1, 0, "1"],
      [2, 1, "2"],
      [3, 2, "3"],
    ]);
    assert.deepEqual(messages[1], {
      room: "lobby",
      id: "2",
      userId: "erased",
      username: "",
      content: null,
      timestamp: 1,
      erased: true,
      seq: 2,
      prev: 1,
    });
    // Before and after the archive has changed.
    await until("gateways to be told", () => told.length === 2);
    assert.deepEqual(told, ["lobby 2", "lobby 2"]);
    const { streams } = await managerOf(bus);
    assert.equal(await streams.getMessage(ROOMS_STREAM, { seq: 2 }), null);
    assert.deepEqual((await request(bus, ArchiveAudit, { repair: true })).findings, []);
    assert.equal((await read(bus, "lobby"))[1]!.content, null);
    // Again, as after a failure: nothing is left to erase, and gateways are told once more.
    assert.deepEqual(await request(bus, HistoryErase, { room: "lobby", seq: 2 }), { erased: 0 });
    await until("gateways to be told", () => told.length === 4);
    await assert.rejects(
      request(bus, HistoryErase, { room: "hall", seq: 2 }),
      (error) => error instanceof FaultError && /hall has no message 2/.test(error.message),
    );
  }));

Deno.test("everything of a user is erased, part by part, and nothing else", () =>
  withPersistence(async (bus, told) => {
    const rooms = ["lobby", "hall", "zoo"];
    const events = Array.from({ length: 4_500 }, (_, i) =>
      event(rooms[i % 3]!, `${i}`, {
        userId: i % 5 === 0 ? "bob" : "ann",
        content: i % 7 === 0 ? '"bob"' : "text",
      }));
    const seqs = await store(bus, events);
    await until(
      "the archive",
      async () =>
        (await request(bus, HistoryRead, { room: "lobby", limit: 1, upTo: seqs.at(-1)! })).messages,
    );
    let erased = 0;
    let requests = 0;
    let after: { epoch: string; room: string; seq: number } | undefined;
    do {
      const erasure = { userId: "bob", after };
      const reply = await request(bus, HistoryErase, erasure, { timeout: WAIT_DEADLINE_MS });
      erased += reply.erased;
      after = reply.next;
      requests++;
    } while (after !== undefined);
    assert.deepEqual([erased, requests], [900, 3]);
    for (const room of rooms) {
      let cursor = 0;
      for (;;) {
        const page = await request(bus, HistoryRead, { room, limit: 500, after: cursor });
        for (const { id, userId, content } of page.messages) {
          const gone = Number(id) % 5 === 0;
          assert.deepEqual([userId, content === null], [gone ? "erased" : "ann", gone]);
        }
        if (!page.more) break;
        cursor = page.messages.at(-1)!.seq;
      }
    }
    await until("gateways to be told", () => {
      const seqs = told.flatMap((line) => line.split(" ")[1]!.split(","));
      return new Set(seqs).size === 900;
    });
  }));

Deno.test("an erasure that fails half way is finished by the same request", () =>
  withPersistence(async (bus, _, manager) => {
    const deleteMessage = manager.streams.deleteMessage.bind(manager.streams);
    let failures = 1;
    manager.streams.deleteMessage = (...args) =>
      failures-- > 0 ? Promise.reject(new Error("timeout")) : deleteMessage(...args);
    await store(bus, ["1", "2", "3"].map((id) => event("lobby", id, { userId: "bob" })));
    await assert.rejects(request(bus, HistoryErase, { userId: "bob" }));
    assert.deepEqual(await request(bus, HistoryErase, { userId: "bob" }), { erased: 3 });
    assert.equal((await manager.streams.info(ROOMS_STREAM)).state.messages, 0);
    for (const { content } of await read(bus, "lobby")) assert.equal(content, null);
  }));

Deno.test("a message of an earlier epoch is erased from the log, too", () =>
  withPersistence(async (bus, _, manager, archive) => {
    await store(bus, ["1", "2"].map((id) => event("lobby", id, { userId: "eve" })));
    await until("the archive", async () => (await read(bus, "lobby")).length === 2);
    const { term } = await archive.lease();
    const { epoch } = (await archive.generations())[0]!;
    await archive.startGeneration(term, "later", 3);
    assert.deepEqual(await request(bus, HistoryErase, { room: "lobby", seq: 1, epoch }), {
      erased: 1,
    });
    const { state } = await manager.streams.info(ROOMS_STREAM);
    assert.deepEqual([state.messages, state.first_seq], [1, 2]);
  }));

Deno.test("a repair never undoes an erasure", () =>
  withPersistence(async (bus, _, __, archive) => {
    await store(bus, [event("lobby", "1", { content: "secret" })]);
    await until("the archive", async () => (await read(bus, "lobby")).length === 1);
    const { epoch } = (await archive.generations())[0]!;
    const rows = await archive.rows(epoch, [{ room: "lobby", seq: 1 }]);
    await request(bus, HistoryErase, { room: "lobby", seq: 1 });
    // An audit that had read the message before.
    await archive.repair((await archive.lease()).term, epoch, rows);
    assert.equal((await read(bus, "lobby"))[0]!.content, null);
  }));
