import assert from "node:assert/strict";
import { ARCHIVE_CONSUMER, messageSubject, ROOMS_STREAM } from "../contract/mod.ts";
import { type NatsServer, startNats } from "../../tests/harness/nats.ts";
import { until, within } from "../../tests/harness/wait.ts";
import {
  connectTestBus,
  event,
  LIMITS,
  managerOf,
  store,
  type TestBus,
} from "./persistence_suite.ts";
import { Puller } from "./puller.ts";
import { ensureArchiveConsumer, ensureRoomsStream } from "./stream.ts";

async function onConsumer(
  run: (bus: TestBus, server: NatsServer) => Promise<void>,
): Promise<void> {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  await ensureRoomsStream(manager, LIMITS);
  await ensureArchiveConsumer(manager);
  await run(bus, server);
}

const events = (count: number) => Array.from({ length: count }, (_, i) => event("lobby", `${i}`));

Deno.test("batches are of their size, in order, each message once, whole", () =>
  onConsumer(async (bus) => {
    const before = Date.now();
    await store(bus, events(25));
    const puller = new Puller(bus, 10, 0);
    const batches = [await puller.batch(), await puller.batch(), await puller.batch()];
    assert.deepEqual(batches.map(({ length }) => length), [10, 10, 5]);
    const messages = batches.flat();
    assert.deepEqual(messages.map(({ seq }) => seq), Array.from({ length: 25 }, (_, i) => i + 1));
    const [first] = messages;
    assert.equal(first!.subject, messageSubject("lobby"));
    assert.equal(first!.traceparent, undefined);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(first!.data)), event("lobby", "0"));
    assert.ok(first!.storedAt >= before - 1 && first!.storedAt <= Date.now());
    puller.close();
  }));

Deno.test("a batch waits for its first message, and a little for more", () =>
  onConsumer(async (bus) => {
    const puller = new Puller(bus, 10, 500);
    const batch = puller.batch();
    await store(bus, events(1));
    await store(bus, events(3));
    assert.deepEqual((await within("the batch", batch)).map(({ seq }) => seq), [1, 2, 3, 4]);
    puller.close();
  }));

Deno.test("a consumer that is deleted ends the wait with an error", () =>
  onConsumer(async (bus) => {
    const puller = new Puller(bus, 10, 0);
    const batch = assert.rejects(puller.batch(), /409 Consumer Deleted/);
    const manager = await managerOf(bus);
    await until(
      "the request to be there",
      async () => (await manager.consumers.info(ROOMS_STREAM, ARCHIVE_CONSUMER)).num_waiting === 1,
    );
    await manager.consumers.delete(ROOMS_STREAM, ARCHIVE_CONSUMER);
    await within("the error", batch);
    await assert.rejects(puller.batch(), /409/, "it is of no more use");
    puller.close();
    const other = new Puller(bus, 10, 0);
    await assert.rejects(within("an answer", other.batch()), /does not answer/);
    other.close();
  }));

Deno.test("messages of a consumer made anew are not taken for the old one's", () =>
  onConsumer(async (bus) => {
    const manager = await managerOf(bus);
    await store(bus, events(3));
    const puller = new Puller(bus, 10, 0);
    assert.equal((await puller.batch()).length, 3);
    // Between two requests of the puller nobody tells it.
    await manager.streams.delete(ROOMS_STREAM);
    await ensureRoomsStream(manager, LIMITS);
    await ensureArchiveConsumer(manager);
    await store(bus, events(5));
    await assert.rejects(puller.batch(), /made anew/);
    puller.close();
  }));

Deno.test("breaking ends the wait, and what was not acked comes again", () =>
  onConsumer(async (bus) => {
    const puller = new Puller(bus, 10, 60_000);
    await store(bus, events(2));
    const batch = assert.rejects(puller.batch(), /stopping/);
    const manager = await managerOf(bus);
    await until(
      "messages to be delivered",
      async () =>
        (await manager.consumers.info(ROOMS_STREAM, ARCHIVE_CONSUMER)).num_ack_pending === 2,
    );
    puller.break("stopping");
    await within("the error", batch);
    puller.close();
    const other = new Puller(bus, 10, 0);
    const again = await until("them to come again", async () => {
      const messages = await other.batch();
      return messages.length > 0 && messages;
    });
    assert.deepEqual(again.map(({ seq }) => seq), [1, 2]);
    other.close();
  }));
