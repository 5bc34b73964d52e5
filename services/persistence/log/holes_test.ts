import assert from "node:assert/strict";
import { ROOMS_STREAM } from "../../contract/mod.ts";
import { startNats } from "../../../tests/harness/nats.ts";
import { connectTestBus, event, LIMITS, managerOf, store } from "../persistence_suite.ts";
import { explain } from "./holes.ts";
import { ensureRoomsStream, logStream } from "./stream.ts";

Deno.test("a missing seq has expired, was deleted, or can be read after all", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  await ensureRoomsStream(logStream(manager), LIMITS);
  await store(bus, Array.from({ length: 12 }, (_, i) => event("lobby", `${i + 1}`)));
  await manager.streams.purge(ROOMS_STREAM, { seq: 4 });
  await manager.streams.deleteMessage(ROOMS_STREAM, 6);
  await manager.streams.deleteMessage(ROOMS_STREAM, 7);
  await manager.streams.deleteMessage(ROOMS_STREAM, 9);
  const { upTo, holes, found } = await explain(logStream(manager), 2, 10);
  assert.equal(upTo, 10);
  assert.deepEqual(holes, [
    { first: 2, last: 3, kind: "expired" },
    { first: 6, last: 7, kind: "deleted" },
    { first: 9, last: 9, kind: "deleted" },
  ]);
  assert.deepEqual(found.map(({ seq }) => seq), [4, 5, 8, 10]);
  assert.deepEqual(await explain(logStream(manager), 1, 2), {
    upTo: 2,
    holes: [{ first: 1, last: 2, kind: "expired" }],
    found: [],
  });
});

Deno.test("what the server has lost without saying so is unknown", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  await ensureRoomsStream(logStream(manager), LIMITS);
  await store(bus, Array.from({ length: 5 }, (_, i) => event("lobby", `${i + 1}`)));
  await manager.streams.deleteMessage(ROOMS_STREAM, 3);
  // A server that lost a message does not list it as deleted.
  const info = manager.streams.info.bind(manager.streams);
  manager.streams.info = async (name, options) => {
    const stream = await info(name, options);
    return { ...stream, state: { ...stream.state, deleted: [] } };
  };
  const { holes, found } = await explain(logStream(manager), 2, 4);
  assert.deepEqual(holes, [{ first: 3, last: 3, kind: "unknown" }]);
  assert.deepEqual(found.map(({ seq }) => seq), [2, 4]);
});

Deno.test("a long range is explained in parts", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  await ensureRoomsStream(logStream(manager), LIMITS);
  await store(bus, Array.from({ length: 1_200 }, (_, i) => event("lobby", `${i + 1}`)));
  const first = await explain(logStream(manager), 1, 1_200);
  assert.deepEqual([first.upTo, first.found.length], [1_000, 1_000]);
  const rest = await explain(logStream(manager), first.upTo + 1, 1_200);
  assert.deepEqual([rest.upTo, rest.found.length], [1_200, 200]);
});
