/** Events are stored in their order, whatever happens to NATS meanwhile, and few of them wait. */
import assert from "node:assert/strict";
import { jetstreamManager } from "@nats-io/jetstream";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import { HOOK_SUBJECTS, HOOKS_STREAM, type WebhookEvent } from "../../contract/mod.ts";
import { connectBus, createLogger } from "../../kit/mod.ts";
import { EventWriter } from "./event_writer.ts";

Deno.test("no event overtakes one that was not stored at first", async () => {
  await using server = await startNats();
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: server.url, name: "test", log });
  const manager = await jetstreamManager(bus.nats);
  await manager.streams.add({ name: HOOKS_STREAM, subjects: [...HOOK_SUBJECTS] });
  const writer = new EventWriter(bus, () => true);
  const stored: string[] = [];
  let given = 0;
  const give = () => {
    const id = `evt_${given++}`;
    const event = { id, type: "room.vacated", timestamp: "", data: { room: "a" } } as WebhookEvent;
    writer.store(event, () => void stored.push(id));
  };

  await server.process.stop();
  for (let i = 0; i < 100; i++) give();
  await server.kill();
  await until("the loss", () => !bus.connected);
  await server.restart();
  // The next one is given as early as may be.
  await until("all to be stored", () => {
    if (writer.free && given === 100) give();
    return stored.length === 101;
  });

  await server.process.stop();
  while (writer.free) give();
  assert.equal(given, 101 + 2_000);
  server.process.signal("SIGCONT");
  await until("the others to be stored", () => stored.length === given);

  const ids: string[] = [];
  for (let seq = 1; seq <= given; seq++) {
    ids.push((await manager.streams.getMessage(HOOKS_STREAM, { seq }))!.json<WebhookEvent>().id);
  }
  assert.deepEqual(ids, Array.from({ length: given }, (_, i) => `evt_${i}`));
  writer.close();
  await bus.drain();
});
