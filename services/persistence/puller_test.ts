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

async function withConsumer(
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

Deno.test("batches have their size and hold each message once, in order", () =>
  withConsumer(async (bus) => {
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

Deno.test("a batch waits for its first message, then briefly for more", () =>
  withConsumer(async (bus) => {
    const puller = new Puller(bus, 10, 500);
    const batch = puller.batch();
    await store(bus, events(1));
    await store(bus, events(3));
    assert.deepEqual((await within("the batch", batch)).map(({ seq }) => seq), [1, 2, 3, 4]);
    puller.close();
  }));

Deno.test("deleting the consumer ends the wait with an error", () =>
  withConsumer(async (bus) => {
    const puller = new Puller(bus, 10, 0);
    const batch = assert.rejects(puller.batch(), /409 Consumer Deleted/);
    const manager = await managerOf(bus);
    await until(
      "the request to arrive",
      async () => (await manager.consumers.info(ROOMS_STREAM, ARCHIVE_CONSUMER)).num_waiting === 1,
    );
    await manager.consumers.delete(ROOMS_STREAM, ARCHIVE_CONSUMER);
    await within("the error", batch);
    await assert.rejects(puller.batch(), /409/, "the puller is unusable");
    puller.close();
    const other = new Puller(bus, 10, 0);
    await assert.rejects(within("an answer", other.batch()), /does not respond/);
    other.close();
  }));

Deno.test("messages of a recreated consumer are not mistaken for the old one's", () =>
  withConsumer(async (bus) => {
    const manager = await managerOf(bus);
    await store(bus, events(3));
    const puller = new Puller(bus, 10, 0);
    assert.equal((await puller.batch()).length, 3);
    // The server does not report a deletion between two requests.
    await manager.streams.delete(ROOMS_STREAM);
    await ensureRoomsStream(manager, LIMITS);
    await ensureArchiveConsumer(manager);
    await store(bus, events(5));
    await assert.rejects(puller.batch(), /recreated/);
    puller.close();
  }));

Deno.test("breaking ends the wait, and unacked messages are redelivered", () =>
  withConsumer(async (bus) => {
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
    const again = await until("the redelivery", async () => {
      const messages = await other.batch();
      return messages.length > 0 && messages;
    });
    assert.deepEqual(again.map(({ seq }) => seq), [1, 2]);
    other.close();
  }));
