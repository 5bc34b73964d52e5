/** Reading of a consumer: nothing comes twice while others are awaited, and an end ends the wait. */
import assert from "node:assert/strict";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import { connectBus, createLogger } from "../../kit/mod.ts";
import { PullReader } from "./pull_reader.ts";

/** How long the server of the test waits for a word about a message, milliseconds. */
const ACK_WAIT_MS = 500;

Deno.test("a message that waits for others is not delivered again meanwhile", async (t) => {
  await using server = await startNats();
  const log = createLogger("test", { level: "error", format: "text" });
  const bus = await connectBus({ url: server.url, name: "test", log });
  const manager = await jetstreamManager(bus.nats);
  await manager.streams.add({ name: "TEST", subjects: ["test"] });
  await manager.consumers.add("TEST", {
    durable_name: "one",
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * 1_000_000,
  });
  const publish = () => jetstream(bus.nats).publish("test", "x");
  const pending = async () => (await manager.consumers.info("TEST", "one")).num_ack_pending;

  await t.step("the wait is longer than the server's", async () => {
    const reader = new PullReader(bus, "TEST", "one", ACK_WAIT_MS / 3);
    await publish();
    const found = await reader.pull(10, 1_000, 3 * ACK_WAIT_MS);
    assert.deepEqual(found.map(({ seq, delivered }) => [seq, delivered]), [[1, 1]]);
    found[0]!.ack();
    await until("the ack", async () => await pending() === 0);
    reader.close();
  });

  await t.step("to close a reader ends the wait, with what it has", async () => {
    const reader = new PullReader(bus, "TEST", "one", ACK_WAIT_MS / 3);
    await publish();
    const pulling = reader.pull(10, 1_000, 60_000);
    await until("the delivery", async () => await pending() === 1);
    reader.close();
    const found = await pulling;
    assert.ok(found.length <= 1);
    for (const one of found) one.ack();
    await until("the ack", async () => await pending() === 0);
    await assert.rejects(reader.pull(1, 1_000, 0), /closed/);
  });

  await t.step("large messages do not fill the memory: a pull takes about a megabyte", async () => {
    const reader = new PullReader(bus, "TEST", "one", ACK_WAIT_MS / 3);
    const first = (await manager.streams.info("TEST")).state.last_seq;
    for (let i = 0; i < 30; i++) await jetstream(bus.nats).publish("test", "x".repeat(100_000));
    const seqs: number[] = [];
    while (seqs.length < 30) {
      const found = await reader.pull(500, 1_000, 0);
      assert.ok(found.length > 1 && found.length <= 12, `${found.length} messages`);
      for (const one of found) {
        seqs.push(one.seq);
        one.ack();
      }
    }
    assert.deepEqual(seqs, Array.from({ length: 30 }, (_, i) => first + 1 + i));
    reader.close();
  });
  await bus.drain();
});
