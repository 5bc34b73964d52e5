/** A gateway follows the streams of a log while one of them is divided. */
import { jetstreamManager } from "@nats-io/jetstream";
import assert from "node:assert/strict";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import { logConfirmOf, movingSubject, streamSubjects } from "../../contract/mod.ts";
import { connectBus, createLogger, epochOfStream, serve } from "../../kit/mod.ts";
import { followLogs } from "./logs.ts";

/** Of two streams, these rooms are in the first one and in the second one. */
const [HALL, LOBBY] = ["hall", "lobby"];

Deno.test("rooms are looked for in a new stream once it stores them, and not if it never does", async () => {
  await using server = await startNats();
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: server.url, name: "test", log });
  const manager = await jetstreamManager(bus.nats);
  const wide = { subjects: streamSubjects(0, 1) };
  const narrow = { subjects: streamSubjects(0, 2) };
  const first = await manager.streams.add({ name: "ROOMS", ...wide });
  const epoch = epochOfStream(first);
  for (const stream of ["ROOMS", "ROOMS_1"]) {
    serve(bus, logConfirmOf(stream), "test", ({ epoch }) => ({ epoch }));
  }
  const logs = followLogs(bus);
  const events: string[] = [];
  logs.onMoved(() => events.push("moved"));
  logs.onReplaced((reason) => events.push(reason));
  await logs.waitUntilFound(5_000);
  const streamOf = (room: string) => logs.of(room).stream;
  assert.deepEqual([streamOf(HALL), streamOf(LOBBY), logs.dividing], ["ROOMS", "ROOMS", false]);

  // It is about to be divided, and takes its rooms back.
  await manager.streams.add({ name: "ROOMS_1", subjects: [movingSubject(1)] });
  await manager.streams.update("ROOMS", narrow);
  logs.of(HALL).checkIdentity(true);
  await until("the new stream to be followed", () => logs.dividing);
  assert.deepEqual([streamOf(LOBBY), logs.found], ["ROOMS", true]);
  await manager.streams.update("ROOMS", wide);
  await until("it to be left", () => !logs.dividing);
  assert.deepEqual([streamOf(LOBBY), logs.of(LOBBY).epoch, events], ["ROOMS", epoch, []]);

  // It is divided.
  await manager.streams.update("ROOMS", narrow);
  logs.of(HALL).checkIdentity(true);
  await until("the new stream to be followed", () => logs.dividing);
  await manager.streams.update("ROOMS_1", { subjects: streamSubjects(1, 2) });
  await until("the room to have moved", () => streamOf(LOBBY) === "ROOMS_1");
  assert.deepEqual([streamOf(HALL), logs.dividing, logs.found], ["ROOMS", false, true]);
  assert.ok(events.length > 0 && events.every((event) => event === "moved"), events.join());

  // One stream is that of another system.
  events.length = 0;
  await manager.streams.delete("ROOMS_1");
  await manager.streams.update("ROOMS", wide);
  logs.of(HALL).checkIdentity(true);
  await until("the other system", () => events.length > 0);
  assert.deepEqual(events, ["the log has another number of streams"]);
  assert.equal(streamOf(LOBBY), "ROOMS");
  logs.stop();
  await bus.drain();
});
