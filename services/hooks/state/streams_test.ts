/** The bounds of what waits: in the streams, and of one endpoint. */
import assert from "node:assert/strict";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import * as z from "zod";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import {
  hookDeadSubject,
  hookEventSubject,
  HOOKS_DEAD_STREAM,
  HOOKS_STREAM,
  WebhooksFile,
} from "../../contract/mod.ts";
import { connectBus, createLogger, readConfig, StreamPublisher } from "../../kit/mod.ts";
import { HOOKS_CONFIG } from "../config.ts";
import { ensureConsumer, sourcesOf } from "../delivery/event_source.ts";
import { PullReader } from "../delivery/pull_reader.ts";
import { createStateStore } from "./state_store.ts";
import { ensureStreams } from "./streams.ts";

/** The smallest size that is allowed, bytes. */
const MIB = 1_048_576;

const configOf = (variables: Record<string, string>) =>
  readConfig(z.object(HOOKS_CONFIG), (name) => ({ WEBHOOKS_FILE: "x", ...variables })[name]);

Deno.test("streams and the events of one endpoint that are under way have bounds", async (t) => {
  await using server = await startNats();
  const log = createLogger("test", { level: "error", format: "text" });
  const bus = await connectBus({ url: server.url, name: "test", log });
  const manager = await jetstreamManager(bus.nats);
  const small = { HOOKS_MAX_BYTES: String(MIB), HOOKS_DEAD_MAX_BYTES: String(MIB) };

  await t.step("a full stream drops its oldest events and takes new ones", async () => {
    await ensureStreams(bus, configOf(small));
    const payload = "x".repeat(100_000);
    for (
      const [stream, subject] of [
        [HOOKS_STREAM, hookEventSubject("room.joined")],
        [HOOKS_DEAD_STREAM, hookDeadSubject("shop")],
      ] as const
    ) {
      for (let i = 0; i < 15; i++) await jetstream(bus.nats).publish(subject, payload);
      const { state } = await manager.streams.info(stream);
      assert.ok(state.bytes <= MIB && state.first_seq > 1, `${stream}: ${JSON.stringify(state)}`);
      assert.equal(state.last_seq, 15);
    }
  });

  await t.step("limits change with the variables, and nothing is lost by that", async () => {
    await ensureStreams(
      bus,
      configOf({ ...small, HOOKS_MAX_BYTES: String(64 * MIB), HOOKS_MAX_AGE: "60" }),
    );
    const { config, state } = await manager.streams.info(HOOKS_STREAM);
    assert.deepEqual([config.max_bytes, config.max_age], [64 * MIB, 60_000_000_000]);
    assert.equal(state.last_seq, 15);
    // And back: the window in which JetStream knows ids was shortened with the age.
    await ensureStreams(bus, configOf({ ...small, HOOKS_MAX_BYTES: String(64 * MIB) }));
    const { config: last } = await manager.streams.info(HOOKS_STREAM);
    assert.deepEqual([last.max_age, last.duplicate_window], [604_800_000_000_000, 120_000_000_000]);
  });

  await t.step("2,000 events of an endpoint wait for another attempt, and no more", async () => {
    const [endpoint] = WebhooksFile.parse({
      endpoints: [{
        id: "shop",
        url: "https://shop.example/",
        secrets: [`whsec_${new Uint8Array(32).toBase64()}`],
        events: ["room.joined"],
      }],
    }).endpoints;
    const [source] = sourcesOf(endpoint!);
    await ensureConsumer(bus, createStateStore(bus), "shop", source!);
    const publisher = new StreamPublisher(bus);
    let stored = 0;
    for (let i = 0; i < 2_100; i++) {
      publisher.publish(hookEventSubject("room.joined"), "{}", undefined, (ack) => {
        if (ack !== null) stored++;
      });
    }
    await until("the events", () => stored === 2_100);
    publisher.close();
    const reader = new PullReader(bus, source!.stream, source!.consumer, 3_000);
    const seqs: number[] = [];
    for (let found; (found = await reader.pull(500, 500, 0)).length > 0;) {
      for (const delivery of found) {
        seqs.push(delivery.seq);
        delivery.nak(3_600_000);
      }
    }
    assert.equal(seqs.length, 2_000);
    assert.equal(new Set(seqs).size, 2_000);
    const { num_ack_pending, num_pending } = await manager.consumers.info(HOOKS_STREAM, "shop");
    assert.deepEqual([num_ack_pending, num_pending], [2_000, 100]);
    reader.close();
  });
  await bus.drain();
});
