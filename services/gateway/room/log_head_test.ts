/** Heads come from the leader: a replica that lags behind does not answer with an older one. */
import assert from "node:assert/strict";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { messageSubject, ROOMS_STREAM } from "../../contract/mod.ts";
import { connectBus, createLogger } from "../../kit/mod.ts";
import { startNatsCluster } from "../../../tests/harness/nats_cluster.ts";
import { until } from "../../../tests/harness/wait.ts";
import { readLogHead } from "./log_head.ts";
import type { Lookups } from "./lookups.ts";

Deno.test("a replica that lags behind tells no head", async () => {
  await using cluster = await startNatsCluster();
  const log = createLogger("test", { write: () => {} });
  const to = (url: string) => connectBus({ url, name: "test", log });
  const starter = await to(cluster.url);
  const manager = await jetstreamManager(starter.nats, { checkAPI: false });
  await manager.streams.add({
    name: ROOMS_STREAM,
    subjects: ["room.message.>"],
    num_replicas: 3,
    allow_direct: true,
  });
  await cluster.settled([ROOMS_STREAM]);
  const [leader, follower] = [
    await cluster.leaderOf(ROOMS_STREAM),
    await cluster.followerOf(ROOMS_STREAM),
  ];
  const [near, far] = [await to(leader.url), await to(follower.url)];
  const lookups = { archiveHead: () => Promise.resolve({ seq: 0, epoch: "e" }) } as Partial<
    Lookups
  > as Lookups;
  const head = (bus: typeof near) =>
    readLogHead({ bus, lookups }, "lobby", { stream: ROOMS_STREAM, epoch: "e" });
  const publish = () => jetstream(near.nats).publish(messageSubject("lobby"), "{}");
  try {
    assert.deepEqual(await head(far), { seq: 0, known: true });
    await publish();
    await until("the follower to follow", async () => (await head(far)).seq === 1);

    cluster.isolate(follower, "silence");
    const { seq } = await publish();
    assert.equal(seq, 2);
    assert.deepEqual(await head(near), { seq: 2, known: true });
    // It still has the old one, and may not say so.
    await assert.rejects(head(far));

    cluster.heal();
    await until("the head at the follower", async () => (await head(far)).seq === 2);
  } finally {
    await Promise.all([starter, near, far].map((bus) => bus.drain()));
  }
});
