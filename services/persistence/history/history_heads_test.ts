import assert from "node:assert/strict";
import { HistoryHeads, HistoryRead } from "../../contract/mod.ts";
import { FaultError, request } from "../../kit/mod.ts";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import { serveHistory } from "./history.ts";
import type { PersistenceOptions } from "../persistence.ts";
import {
  connectTestBus,
  event,
  ready,
  startPersistence,
  store,
  type TestBus,
} from "../persistence_suite.ts";
import { openSqliteArchive } from "../archive/open_archive.ts";

async function withPersistence(
  run: (bus: TestBus) => Promise<void>,
  options: Partial<PersistenceOptions> = {},
): Promise<void> {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archive = await openSqliteArchive(":memory:");
  {
    await using service = await startPersistence(bus, archive, options);
    await ready(service);
    await run(bus);
  }
  await archive.close();
}

Deno.test("heads are those of the archive, in the order of the rooms", () =>
  withPersistence(async (bus) => {
    const seqs = await store(bus, [event("a", "1"), event("b", "2"), event("a", "3")]);
    // A read up to the last seq waits until everything is archived.
    const { epoch } = await request(bus, HistoryRead, { room: "a", limit: 1, upTo: seqs.at(-1)! });
    assert.deepEqual(await request(bus, HistoryHeads, { rooms: ["b", "none", "a"] }), {
      epoch,
      heads: [2, 0, 3],
    });
  }));

Deno.test("the head of a room that retention has emptied is its last message", () =>
  withPersistence(async (bus) => {
    await store(bus, [event("short.a", "1"), event("short.a", "2"), event("long", "3")]);
    await until("retention", async () => {
      const query = { room: "short.a", limit: 5, upTo: 3 };
      return (await request(bus, HistoryRead, query)).trimmedTo === 2;
    });
    const { heads } = await request(bus, HistoryHeads, { rooms: ["short.a", "long"] });
    assert.deepEqual(heads, [2, 3]);
  }, { retention: [{ pattern: "short.*", maxAge: 1 }], retentionMs: 50 }));

Deno.test("heads are unavailable while the database fails", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  let broken = true;
  const snapshot = () =>
    Promise.resolve({
      generations: [{ epoch: "e", firstSeq: 1, position: 9, mark: null, unverified: false }],
      unexplained: [],
    });
  const state = { read: snapshot, reach: snapshot };
  const stop = serveHistory({
    bus,
    archiveOf: () => ({
      page: () => Promise.reject(new Error("not asked for")),
      heads: () => broken ? Promise.reject(new Error("no disk")) : Promise.resolve([7]),
    }),
    stateOf: () => state,
  });
  await assert.rejects(
    request(bus, HistoryHeads, { rooms: ["a"] }),
    (error) => error instanceof FaultError && error.fault.code === "unavailable",
  );
  broken = false;
  assert.deepEqual(await request(bus, HistoryHeads, { rooms: ["a"] }), { epoch: "e", heads: [7] });
  await stop();
});
