/** Where an endpoint begins to read, and what it says about events that it could not send in time. */
import assert from "node:assert/strict";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import * as z from "zod";
import { startNats } from "../../../tests/harness/nats.ts";
import { secretOf, startReceiver } from "../../../tests/harness/receiver.ts";
import { until } from "../../../tests/harness/wait.ts";
import {
  HOOKS_DEAD_STREAM,
  messageSubject,
  ROOMS_STREAM,
  ROOMS_STREAM_SUBJECT,
  roomsStream,
  streamSubjects,
  WebhooksFile,
} from "../../contract/mod.ts";
import { connectBus, createLogger, readConfig } from "../../kit/mod.ts";
import { HOOKS_CONFIG } from "../config.ts";
import { createStateStore } from "../state/state_store.ts";
import { ensureStreams } from "../state/streams.ts";
import { EndpointRunner } from "./endpoint_runner.ts";

/** How often the endpoints of these tests look where they are, milliseconds. */
const POSITION_MS = 50;

Deno.test("what leaves its stream unsent is counted, logged and, if it was tried, a dead letter", async () => {
  await using server = await startNats();
  await using receiver = startReceiver();
  const lines: string[] = [];
  const log = createLogger("test", { write: (line) => void lines.push(line) });
  const bus = await connectBus({ url: server.url, name: "test", log });
  const manager = await jetstreamManager(bus.nats);
  const variables: Record<string, string> = { WEBHOOKS_FILE: "x" };
  await ensureStreams(bus, readConfig(z.object(HOOKS_CONFIG), (name) => variables[name]));
  await manager.streams.add({ name: ROOMS_STREAM, subjects: [ROOMS_STREAM_SUBJECT] });
  const [endpoint] = WebhooksFile.parse({
    endpoints: [{
      id: "shop",
      url: receiver.url,
      secrets: [secretOf(1)],
      events: ["room.message"],
      retry: { firstDelayMs: 1_000 },
    }],
  }).endpoints;
  const store = createStateStore(bus);
  const disable = () => Promise.resolve();
  const parts = { bus, store, active: () => true, disable, positionMs: POSITION_MS };
  const runner = new EndpointRunner(parts, endpoint!);
  runner.start();
  await until("its place", () => runner.attached);
  const say = async (id: string) => {
    const user = { userId: "ann", username: "Ann" };
    const event = { room: "lobby", id, ...user, content: "hello", timestamp: Date.now() };
    await jetstream(bus.nats).publish(messageSubject("lobby"), JSON.stringify(event));
  };
  const linesOf = (message: string) =>
    lines.map((line) => JSON.parse(line)).filter((line) => line.message === message);

  const gate = Promise.withResolvers<void>();
  receiver.answer = () => gate.promise.then(() => 204);
  for (let i = 1; i <= 20; i++) await say(`m-${i}`);
  await until("a request", () => receiver.requests.length === 1);
  await until("hooks to know what waits", () => runner.state.waiting === 20);
  await manager.streams.purge(ROOMS_STREAM, { seq: 11 });
  const what = "events left the stream before they were sent";
  const [line] = await until("the loss", () => linesOf(what).length > 0 && linesOf(what));
  const missed = { level: "error", endpoint: "shop", stream: ROOMS_STREAM, from: 2, to: 10 };
  assert.deepEqual({ ...line, ...missed, messages: 9 }, line);
  gate.resolve();
  await until("the rest", () => receiver.events.length === 11);

  // One that would be too old before its next attempt.
  const limits = { max_age: 5e9, duplicate_window: 5e9 };
  await manager.streams.update(ROOMS_STREAM, limits);
  receiver.answer = () => 500;
  await say("fails");
  const dead = await until("a dead letter", async () => {
    const { state } = await manager.streams.info(HOOKS_DEAD_STREAM);
    return state.messages > 0 &&
      await manager.streams.getMessage(HOOKS_DEAD_STREAM, { seq: state.last_seq });
  });
  const { event, attempts } = dead!.json<{ event: { data: { id: string } }; attempts: number }>();
  assert.equal(event.data.id, "fails");
  assert.ok(attempts <= 3, `it was tried ${attempts} times`);
  assert.equal(linesOf(what).length, 1);
  await runner.stop();
  await bus.drain();
});

Deno.test("an endpoint that is older than the log gets all of it, of every stream", async () => {
  await using server = await startNats();
  await using receiver = startReceiver();
  const lines: string[] = [];
  const log = createLogger("test", { format: "text", write: (line) => void lines.push(line) });
  const bus = await connectBus({ url: server.url, name: "test", log });
  const manager = await jetstreamManager(bus.nats);
  const variables: Record<string, string> = { WEBHOOKS_FILE: "x" };
  await ensureStreams(bus, readConfig(z.object(HOOKS_CONFIG), (name) => variables[name]));
  const [endpoint] = WebhooksFile.parse({
    endpoints: [{
      id: "shop",
      url: receiver.url,
      secrets: [secretOf(1)],
      events: ["room.message"],
    }],
  }).endpoints;
  const store = createStateStore(bus);
  const parts = { bus, store, active: () => true, disable: () => Promise.resolve() };
  const runner = new EndpointRunner(parts, endpoint!);
  runner.start();
  await until("the first attempt", () => lines.some((line) => line.includes("stream not found")));

  // The last one appears first, and has a message before anybody knows how many there are.
  const say = async (room: string) => {
    const user = { userId: "ann", username: "Ann" };
    const event = { room, id: room, ...user, content: "hello", timestamp: Date.now() };
    await jetstream(bus.nats).publish(messageSubject(room), JSON.stringify(event));
  };
  for (const [index, room] of [[1, "lobby"], [0, "hall"]] as const) {
    await manager.streams.add({ name: roomsStream(index), subjects: streamSubjects(index, 2) });
    await say(room);
  }
  for (const room of ["hall", "lobby"]) {
    await receiver.event("room.message", ({ data }) => data.room === room, 10_000);
  }
  assert.equal(receiver.events.length, 2);
  await runner.stop();
  await bus.drain();
});
