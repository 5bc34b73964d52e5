/**
 * Three nats-servers: every stream has three replicas, the number can be changed while users talk, and the
 * system goes on without any one of the servers.
 */
import assert from "node:assert/strict";
import {
  DENIALS_STREAM,
  ROOMS_STREAM,
  SCHEDULES_STREAM,
  SPAN_ATTRIBUTES,
} from "../../services/contract/mod.ts";
import { reportsTraces } from "../../services/kit/mod.ts";
import { findNatsServer, natsVersion } from "../../services/start/nats_server.ts";
import { monitorOn } from "../harness/monitor.ts";
import type { ClusterServer } from "../harness/nats_cluster.ts";
import { startService, startSystem, type System, type TestService } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { createRandom } from "../torture/random.ts";
import { User } from "../torture/user.ts";

const STREAMS = [ROOMS_STREAM, DENIALS_STREAM, SCHEDULES_STREAM];

/** How long the replicas may take to elect a leader or to catch up, milliseconds. */
const ELECTION_MS = 40_000;

Deno.test("streams are replicated, and a restart with another number changes that", async () => {
  await using system = await startSystem({ cluster: true, gateways: 2 });
  const cluster = system.cluster!;
  const replicas = async (stream: string) => (await cluster.info(stream))?.config.num_replicas;
  for (const stream of STREAMS) assert.equal(await replicas(stream), 3, stream);
  await cluster.settled(STREAMS);

  const ann = await system.client({ user: "ann" });
  const bob = await system.client({ user: "bob", gateway: 1 });
  for (const client of [ann, bob]) {
    client.send({ type: "subscribe", room: "lobby" });
    await client.take("subscribed");
  }
  let sent = 0;
  /** Sends a message, again until it is acknowledged, and waits until Bob has it. */
  const say = async () => {
    const id = `m${sent++}`;
    await until(`${id} to be acked`, async () => {
      ann.send({ type: "message", room: "lobby", id, content: id });
      return (await ann.answer(id, ELECTION_MS)).type === "ack";
    }, ELECTION_MS);
    assert.equal((await bob.take("room-message", undefined, ELECTION_MS)).id, id);
  };
  await say();

  // Without any one of the servers.
  const leader = await cluster.leaderOf(ROOMS_STREAM);
  await leader.kill();
  await say();
  await leader.restart();
  await cluster.settled(STREAMS);
  await say();

  // Another number of replicas, and back to three by default.
  const restart = async (env: Record<string, string>) => {
    for (const service of [...system.persistences, ...running.splice(0)]) await service.kill();
    running.push(startService("persistence", {
      ...system.natsEnv("persistence"),
      SQLITE_PATH: `${system.folder}/archive.db`,
      ...env,
    }));
    await running[0]!.ready();
  };
  const running: TestService[] = [];
  try {
    for (const [env, count] of [[{ STREAM_REPLICAS: "1" }, 1], [{}, 3]] as const) {
      await restart(env);
      for (const stream of [ROOMS_STREAM, SCHEDULES_STREAM]) {
        await until(`${count} replicas of ${stream}`, async () => await replicas(stream) === count);
      }
      await say();
    }
  } finally {
    for (const service of running) await service.kill();
  }
  await cluster.settled(STREAMS);
  assert.equal(sent, 5);
});

/** Leaves a service one server, until its links are healed, and waits until it is ready there. */
async function pin(
  system: System,
  service: TestService,
  server: ClusterServer,
  ready = true,
): Promise<void> {
  const links = system.linksOf(service);
  const wanted = links[system.cluster!.servers.indexOf(server)]!;
  for (const link of links) if (link !== wanted) link.cut();
  await until(`${service.name} at ${server.name}`, () => wanted.connections > 0);
  if (ready) await service.ready();
}

const { natsServer: SERVER, natsTarget: TARGET } = SPAN_ATTRIBUTES;

/** What each nats-server did with a message, as monitor tells it: the hop, the server, and the target. */
async function hopsInsideNats(system: System, traceId: string): Promise<string[]> {
  const monitor = monitorOn(system.monitor!.port);
  const [inside, byId] = await until("the hops inside NATS", async () => {
    const spans = (await monitor.trace(traceId))?.spans ?? [];
    const hops = spans.filter(({ hop }) => hop?.startsWith("nats."));
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const complete = hops.length >= 4 && hops.every(({ parentId }) => byId.has(parentId!));
    return complete && [hops, byId] as const;
  });
  for (const { hop, parentId, start, duration, attributes } of inside) {
    const parent = byId.get(parentId!)!;
    assert.equal(parent.hop, hop === "nats.ingress" ? "bus.store" : "nats.ingress");
    if (hop === "nats.ingress") continue;
    assert.equal(parent.attributes[SERVER], attributes[SERVER]);
    if (hop === "nats.route") assert.ok(start === parent.start && duration > 0);
  }
  return inside.map(({ hop, attributes: { [SERVER]: server, [TARGET]: target } }) =>
    [hop, "at", server, ...target === undefined ? [] : ["to", target]].join(" ")
  ).sort();
}

/** How long the last message of a quiet room may be missing, milliseconds. */
const FOUND_MS = 30_000;

Deno.test("the last message of a room whose live copy was lost arrives all the same", async () => {
  await using system = await startSystem({ cluster: true, gateways: 2, monitor: true });
  const cluster = system.cluster!;
  await cluster.settled(STREAMS);
  const leader = await cluster.leaderOf(ROOMS_STREAM);
  const follower = await cluster.followerOf(ROOMS_STREAM);
  const others = [...system.persistences, ...system.rooms, ...system.auths];
  for (const service of [system.gateways[0]!, ...others]) await pin(system, service, leader);
  await pin(system, system.gateways[1]!, follower);
  const [ann, bob] = [
    await system.client({ user: "ann" }),
    await system.client({ user: "bob", gateway: 1 }),
  ];
  for (const client of [ann, bob]) {
    client.send({ type: "subscribe", room: "quiet" });
    await client.take("subscribed");
  }
  ann.send({ type: "message", room: "quiet", id: "before", content: "" });
  await bob.take("room-message", ({ id }) => id === "before");

  // From a gateway at the follower, over its route to the leader, to a gateway there.
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  bob.send({ type: "subscribe", room: "routed" });
  ann.send({ type: "subscribe", room: "routed" });
  for (const client of [ann, bob]) await client.take("subscribed");
  const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
  bob.send({ type: "message", room: "routed", id: "traced", content: "", traceparent });
  await ann.take("room-message", ({ id }) => id === "traced");
  if (reportsTraces(await natsVersion(await findNatsServer()))) {
    const { name: from } = follower;
    const { name: to } = leader;
    assert.deepEqual(
      await hopsInsideNats(system, traceId),
      [
        `nats.ingress at ${from}`,
        `nats.ingress at ${to}`,
        `nats.route at ${from} to ${to}`,
        `nats.store at ${to}`,
      ].sort(),
    );
  }

  const reconnects = () =>
    system.gateways[1]!.process.output.filter((line) => /reconnected to NATS/.test(line)).length;
  const before = reconnects();
  // Nothing reaches the follower, or the gateway behind it, whose connection to NATS stays.
  cluster.isolate(follower, "cut");
  ann.send({ type: "message", room: "quiet", id: "missed", content: "" });
  await ann.take("ack", ({ id }) => id === "missed");
  await ann.take("room-message", ({ id }) => id === "missed");
  cluster.heal();

  await bob.take("room-message", ({ id }) => id === "missed", FOUND_MS);
  const ids = bob.frames.flatMap((frame) =>
    frame.type === "room-message" && frame.room === "quiet" ? [frame.id] : []
  );
  assert.deepEqual(ids, ["before", "missed"]);
  const { output } = system.gateways[1]!.process;
  assert.equal(reconnects(), before, "by a reconnect");
  assert.ok(output.some((line) => /live messages were lost/.test(line)), output.join("\n"));
});

/** How long messages may be missing when the leader is separated, milliseconds; it takes some 10 s. */
const BACK_MS = 30_000;

Deno.test("services leave a leader that is separated from the others", async () => {
  await using system = await startSystem({ cluster: true, gateways: 2 });
  const cluster = system.cluster!;
  await cluster.settled(STREAMS);
  const leader = await cluster.leaderOf(ROOMS_STREAM);
  const moving = [system.gateways[0]!, system.persistences[0]!];
  for (const service of moving) await pin(system, service, leader);
  const heal = () => moving.forEach((one) => system.linksOf(one).forEach((link) => link.heal()));
  heal();
  const users = [0, 1].map((i) => new User(`u${i}`, ["lobby"], [system.url(i)], createRandom(i)));
  const timer = setInterval(() => users.forEach((user) => user.tick()), 250);
  let sent = 0;
  const say = () => {
    for (const user of users) user.publish();
    sent += users.length;
  };
  const seen = (user: User) => user.rooms.get("lobby")!.seen;
  const everybodyHasAll = () =>
    until(
      `all of ${sent} messages`,
      () => users.every((user) => user.unacked === 0 && seen(user).length >= sent),
      BACK_MS,
    );
  try {
    for (const user of users) await user.connect();
    await until("both to be in the room", () => users.every((user) => user.settled));
    say();
    await everybodyHasAll();
    const { epoch } = users[0]!.rooms.get("lobby")!;

    cluster.isolate(leader, "silence");
    for (let i = 0; i < 5; i++) say();
    await everybodyHasAll();
    assert.ok((await cluster.leaderOf(ROOMS_STREAM)).name !== leader.name);
    for (const service of moving) {
      const link = system.linksOf(service)[cluster.servers.indexOf(leader)]!;
      await until(`${service.name} to leave ${leader.name}`, () => link.connections === 0, BACK_MS);
      const left = service.process.output.some((line) =>
        line.includes("trying another one") && line.includes(leader.name)
      );
      assert.ok(left, service.process.output.join("\n"));
    }

    // Back at the server that lacks the last messages, both believe nothing that it says about the log.
    for (const service of moving) {
      await pin(system, service, leader, false);
      await until(
        `${service.name} to ask`,
        () =>
          service.process.output.some((line) =>
            /has no leader that its replicas answer/.test(line)
          ),
      );
    }
    cluster.heal();
    heal();
    await cluster.settled(STREAMS);
    say();
    await everybodyHasAll();
    for (const user of users) {
      assert.deepEqual(user.faults, []);
      const ids = seen(user).map(({ id }) => id);
      assert.equal(ids.length, sent);
      assert.equal(new Set(ids).size, sent);
      assert.deepEqual(ids, seen(users[0]!).map(({ id }) => id));
      assert.ok(seen(user).every((message) => message.epoch === epoch));
    }
  } finally {
    clearInterval(timer);
    for (const user of users) user.stop();
  }
});
