/** Streams get the replicas that the servers can have, or an error that says why not. */
import assert from "node:assert/strict";
import {
  jetstream,
  type JetStreamManager,
  jetstreamManager,
  type StreamInfo,
} from "@nats-io/jetstream";
import { startNatsCluster } from "../../tests/harness/nats_cluster.ts";
import { startNats } from "../../tests/harness/nats.ts";
import { until } from "../../tests/harness/wait.ts";
import { type Bus, connectBus } from "./bus.ts";
import { VERSION } from "../contract/mod.ts";
import { createLogger } from "./log.ts";
import { keepsMetadata } from "./nats_version.ts";
import { Replication } from "./replication.ts";

/** A connection to these servers, what it logged, and a manager of their streams. */
async function connectTo(url: string): Promise<{
  bus: Bus;
  lines: string[];
  manager: JetStreamManager;
}> {
  const lines: string[] = [];
  const log = createLogger("test", { format: "text", write: (line) => void lines.push(line) });
  const bus = await connectBus({ url, name: "test", log });
  return { bus, lines, manager: await jetstreamManager(bus.nats, { checkAPI: false }) };
}

const errors = (lines: readonly string[]) => lines.filter((line) => / ERROR /.test(line));

Deno.test("in a cluster of three a stream has three replicas, and the number can be changed", async () => {
  const tags = (index: number) => [index < 2 ? "ssd" : "hdd"];
  await using cluster = await startNatsCluster({ tags });
  const { bus, lines, manager } = await connectTo(cluster.url);
  try {
    const byDefault = new Replication(bus);
    const config = { name: "S", subjects: ["s.>"] };
    let info = await byDefault.create(manager, config);
    assert.equal(info.config.num_replicas, 3);

    // More than there are servers: a new stream cannot be made, an existing one stays as it is.
    const five = new Replication(bus, { replicas: 5 });
    const refusal =
      /STREAM_REPLICAS: the stream \w+ cannot have 5 replicas, because fewer .* are up/;
    await assert.rejects(five.create(manager, { name: "T", subjects: ["t.>"] }), refusal);
    info = await five.apply(manager, info);
    info = await five.apply(manager, info);
    assert.equal(info.config.num_replicas, 3);
    assert.equal(errors(lines).length, 1, lines.join("\n"));
    assert.match(errors(lines)[0]!, refusal);

    // One, and three again without a configured number, while messages are stored.
    const stored = async (count: number) => {
      for (let i = 0; i < count; i++) {
        await until(
          "a message to be stored",
          async () =>
            (await jetstream(bus.nats).publish("s.a", `${i}`, { timeout: 1_000 })).seq > 0,
        );
      }
    };
    await stored(50);
    const one = new Replication(bus, { replicas: 1 });
    info = await one.apply(manager, info);
    assert.equal(info.config.num_replicas, 1);
    await until("one replica", async () => (await cluster.info("S"))?.cluster?.leader);
    await stored(50);
    info = await byDefault.apply(manager, (await cluster.info("S"))!);
    assert.equal(info.config.num_replicas, 3);
    await stored(50);
    await cluster.settled(["S"]);
    assert.ok((await cluster.info("S"))!.state.messages >= 150);
    assert.equal(errors(lines).length, 1);

    // Placement: two of the servers have the tag.
    const placed = await new Replication(bus, { replicas: 2, tags: ["ssd"] })
      .create(manager, { name: "P", subjects: ["p.>"] });
    const peers = [placed.cluster!.leader, ...placed.cluster!.replicas!.map(({ name }) => name)];
    assert.deepEqual(peers.sort(), ["n1", "n2"]);
    await assert.rejects(
      new Replication(bus, { replicas: 3, tags: ["ssd"] })
        .create(manager, { name: "Q", subjects: ["q.>"] }),
      /cannot have 3 replicas, because fewer JetStream servers with the tags ssd are up/,
    );
    // Without a number it gets one while there are not three.
    const fewer = new Replication(bus, { tags: ["ssd"] });
    const alone = await fewer.create(manager, { name: "R", subjects: ["r.>"] });
    assert.equal(alone.config.num_replicas, 1);
  } finally {
    await bus.drain();
  }
});

Deno.test("a stream says whose it is and which release made it, where the server keeps that", async () => {
  await using server = await startNats();
  const { bus, manager } = await connectTo(server.url);
  try {
    const kept = keepsMetadata(bus.nats.info!.version);
    // The server adds keys of its own.
    const own = (info: StreamInfo) =>
      Object.fromEntries(
        Object.entries(info.config.metadata ?? {}).filter(([key]) => !key.startsWith("_nats")),
      );
    const auth = new Replication(bus, { owner: "auth" });
    const expected = kept ? { "hopwire.owner": "auth", "hopwire.version": VERSION } : {};
    const made = await auth.create(manager, { name: "S", subjects: ["s.>"] });
    assert.deepEqual(own(made), expected);
    // One of an earlier release, to which an operator has added something.
    const metadata = { "hopwire.owner": "auth", "hopwire.version": "0.0.9", mine: "1" };
    const old = await manager.streams.add({
      name: "T",
      subjects: ["t.>"],
      description: "mine",
      ...kept ? { metadata } : {},
    });
    const applied = await auth.apply(manager, old);
    assert.deepEqual(own(applied), kept ? { ...expected, mine: "1" } : {});
    assert.equal(applied.config.description, "mine");
    // A newer release has it now: two of them do not take turns.
    if (kept) {
      const newer = await manager.streams.update("T", {
        metadata: { ...metadata, "hopwire.version": "10.0.0" },
      });
      assert.equal(await auth.apply(manager, newer), newer);
    }
    assert.equal(await auth.apply(manager, applied), applied);
  } finally {
    await bus.drain();
  }
});

Deno.test("on a server that is in no cluster a stream has one replica, and more are an error", async () => {
  await using server = await startNats();
  const { bus, lines, manager } = await connectTo(server.url);
  try {
    const byDefault = new Replication(bus);
    let info = await byDefault.create(manager, { name: "S", subjects: ["s.>"] });
    assert.equal(info.config.num_replicas, 1);
    info = await byDefault.apply(manager, info);
    assert.equal(info.config.num_replicas, 1);
    assert.deepEqual(errors(lines), []);

    const three = new Replication(bus, { replicas: 3 });
    const refusal = /STREAM_REPLICAS: the stream \w cannot have 3 replicas, because fewer/;
    await assert.rejects(three.create(manager, { name: "T", subjects: ["t.>"] }), refusal);
    await three.apply(manager, info);
    assert.match(errors(lines).join("\n"), refusal);
  } finally {
    await bus.drain();
  }
});
