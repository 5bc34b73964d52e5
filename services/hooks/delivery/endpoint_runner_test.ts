/** Where an endpoint begins to read. */
import assert from "node:assert/strict";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import * as z from "zod";
import { startNats } from "../../../tests/harness/nats.ts";
import { secretOf, startReceiver } from "../../../tests/harness/receiver.ts";
import { until } from "../../../tests/harness/wait.ts";
import { messageSubject, roomsStream, streamSubjects, WebhooksFile } from "../../contract/mod.ts";
import { connectBus, createLogger, readConfig } from "../../kit/mod.ts";
import { HOOKS_CONFIG } from "../config.ts";
import { createStateStore } from "../state/state_store.ts";
import { ensureStreams } from "../state/streams.ts";
import { EndpointRunner } from "./endpoint_runner.ts";

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
