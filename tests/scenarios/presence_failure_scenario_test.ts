/** Processes are killed, paused, drained and replaced; members hear of each change once. */
import assert from "node:assert/strict";
import { connectClient, type TestClient } from "../harness/client.ts";
import { startService, startSystem, type System, tokenFor } from "../harness/system.ts";
import { until, within } from "../harness/wait.ts";
import { assertAlternating, join, members, passBy, told, untilListed } from "./presence_members.ts";

/** Members of a killed gateway are gone within 5 s; a busy machine gets as much again. */
const GONE_MS = 10_000;

/** The services of a system. */
const servicesOf = ({ gateways, auths, rooms, persistences }: System) => [
  ...gateways,
  ...auths,
  ...rooms,
  ...persistences,
];

/** The status of `/readyz` of each service. */
function readiness(system: System): Promise<number[]> {
  return Promise.all(
    servicesOf(system).map(async ({ port }) => {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`);
      await response.body?.cancel();
      return response.status;
    }),
  );
}

/** Connects users to a gateway and joins a room, one after the other. */
async function crowd(system: System, gateway: number, room: string, users: string[]) {
  const clients: TestClient[] = [];
  for (const user of users) {
    const client = await system.client({ user, gateway });
    await join(client, room);
    clients.push(client);
  }
  return clients;
}

Deno.test("kill -9 of a gateway: members elsewhere hear of each leave once", async () => {
  await using system = await startSystem({ gateways: 3 });
  const watchers = [
    ...await crowd(system, 1, "hall", ["w1", "w2"]),
    ...await crowd(system, 2, "hall", ["w3"]),
  ];
  await crowd(system, 0, "hall", ["a", "b", "c"]);
  // One of them has a tab elsewhere, and stays.
  const [tab] = await crowd(system, 2, "hall", ["c"]);
  for (const client of watchers) await untilListed(client, "hall", "a,b,c,w1,w2,w3");
  await system.gateways[0]!.kill();
  for (const client of watchers) {
    for (const user of ["a", "b"]) {
      await client.take("user-left", ({ userId }) => userId === user, GONE_MS);
    }
  }
  await passBy(await system.client({ user: "bob", gateway: 1 }), "hall", watchers, "bob");
  for (const client of watchers) {
    const left = told(client, "hall").filter((one) => one[0] === "-").sort();
    assert.deepEqual(left, ["-a", "-b"]);
    await untilListed(client, "hall", "bob,c,w1,w2,w3");
  }
  assertAlternating(tab!, "hall");
});

Deno.test("a gateway that is paused for longer than its lease is seen again when it wakes", async () => {
  await using system = await startSystem({ gateways: 2 });
  const [watcher, leaver] = await crowd(system, 1, "hall", ["watcher", "leaver"]);
  const [ann, bob] = await crowd(system, 0, "hall", ["ann", "bob"]);
  await untilListed(watcher!, "hall", "ann,bob,leaver,watcher");
  await system.gateways[0]!.process.stop();
  for (const user of ["ann", "bob"]) {
    await watcher!.take("user-left", ({ userId }) => userId === user, GONE_MS);
  }
  leaver!.send({ type: "unsubscribe", room: "hall" });
  await watcher!.take("user-left", ({ userId }) => userId === "leaver");
  system.gateways[0]!.process.signal("SIGCONT");
  for (const user of ["ann", "bob"]) {
    await watcher!.take("user-joined", ({ userId }) => userId === user);
    await watcher!.take("user-joined", ({ userId }) => userId === user);
  }
  await ann!.take("user-left", ({ userId }) => userId === "leaver");
  for (const client of [ann!, bob!, watcher!]) {
    await untilListed(client, "hall", "ann,bob,watcher");
    assertAlternating(client, "hall");
  }
  // Nobody on the gateway that was paused was told that others had left.
  assert.deepEqual(told(ann!, "hall"), ["+bob", "-leaver"]);
  const late = await system.client({ user: "late", gateway: 0 });
  await passBy(late, "hall", [ann!, bob!, watcher!], "late");
});

Deno.test("rooms is killed: members notice nothing, and it is ready once it knows them again", async () => {
  await using system = await startSystem({ gateways: 3 });
  const [rooms] = system.rooms;
  const inside = [
    ...await crowd(system, 0, "hall", ["a", "b"]),
    ...await crowd(system, 1, "hall", ["c"]),
  ];
  for (const client of inside) await untilListed(client, "hall", "a,b,c");
  const before = inside.map((client) => told(client, "hall"));
  await rooms!.kill();
  // What a gateway has been granted and follows needs no rooms.
  const again = await system.client({ user: "b", gateway: 0 });
  await join(again, "hall");
  inside[2]!.send({ type: "update-presence", room: "hall", presence: { status: "away" } });
  await inside[0]!.take("user-updated", ({ userId }) => userId === "c");
  await rooms!.restart();
  await rooms!.ready();
  // A gateway that opens the room now gets everybody from rooms.
  const late = await system.client({ user: "late", gateway: 2 });
  assert.equal((await join(late, "hall")).count, 4);
  assert.equal(
    (await members(late, "hall")).find(({ userId }) => userId === "c")!.presence?.status,
    "away",
  );
  for (const [i, client] of inside.entries()) {
    await client.take("user-joined", ({ userId }) => userId === "late");
    const since = told(client, "hall").slice(before[i]!.length).filter((one) => one[0] !== "~");
    assert.deepEqual(since, ["+late"]);
  }
});

Deno.test("NATS comes back with an empty disk: joining works without a restart, and /readyz is honest", async () => {
  await using system = await startSystem({ gateways: 2 });
  const [ann] = await crowd(system, 0, "hall", ["ann"]);
  await crowd(system, 1, "hall", ["bob"]);
  await untilListed(ann!, "hall", "ann,bob");
  assert.deepEqual(new Set(await readiness(system)), new Set([200]));
  await system.nats.kill();
  await until("nothing to be ready", async () => !(await readiness(system)).includes(200));
  await system.nats.restart({ newDisk: true });
  // The log is another one, so clients have to start anew.
  assert.equal((await ann!.closing()).code, 4104);
  for (const service of servicesOf(system)) await service.ready();
  const back = await Promise.all([0, 1].map(async (gateway) => {
    const client = await system.client({ user: `back${gateway}`, gateway });
    await within(`a join on gateway ${gateway}`, join(client, "hall"));
    return client;
  }));
  for (const client of back) await untilListed(client, "hall", "back0,back1");
  assert.deepEqual(new Set(await readiness(system)), new Set([200]));
  for (const service of servicesOf(system)) assert.equal(service.processes.length, 1, service.name);
});

Deno.test("a gateway that drains: users that move are not announced, the others leave", async () => {
  await using system = await startSystem({
    gateways: 2,
    env: { gateway: { PRESENCE_LINGER_MS: "3000" } },
  });
  const watchers = await crowd(system, 1, "hall", ["w1", "w2"]);
  const [moves] = await crowd(system, 0, "hall", ["moves", "stays-away"]);
  for (const client of watchers) await untilListed(client, "hall", "moves,stays-away,w1,w2");
  const [gateway] = system.gateways;
  gateway!.process.signal("SIGTERM");
  await moves!.take("reconnect");
  const moved = await system.client({ user: "moves", gateway: 1 });
  await join(moved, "hall");
  assert.equal((await gateway!.process.status()).code, 0);
  for (const client of watchers) {
    await client.take("user-left", ({ userId }) => userId === "stays-away");
    assert.deepEqual(told(client, "hall").filter((one) => /moves/.test(one)), ["+moves"]);
    await untilListed(client, "hall", "moves,w1,w2");
  }
  await system.gateways[1]!.process.line("a gateway has stopped");
});

Deno.test("members of a gateway whose clock is ten seconds behind join, are seen and leave", async () => {
  await using system = await startSystem();
  const env = system.natsEnv("gateway");
  await using late = startService("gateway", env, "tests/harness/late_gateway.ts");
  await late.ready();
  const [watcher] = await crowd(system, 0, "hall", ["watcher"]);
  const ann = await connectClient(`ws://127.0.0.1:${late.port}/ws`);
  ann.send({ type: "auth", token: await tokenFor("ann") });
  await ann.take("authenticated");
  await join(ann, "hall");
  await untilListed(ann, "hall", "ann,watcher");
  await watcher!.take("user-joined", ({ userId }) => userId === "ann");
  ann.send({ type: "message", room: "hall", content: 1, id: "m" });
  const { timestamp } = await ann.take("room-message");
  // Its clock is behind indeed.
  assert.ok(timestamp < Date.now() - 9_000);
  ann.close();
  await watcher!.take("user-left", ({ userId }) => userId === "ann");
});
