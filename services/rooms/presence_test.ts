import assert from "node:assert/strict";
import * as z from "zod";
import { startNats } from "../../tests/harness/nats.ts";
import { until, within } from "../../tests/harness/wait.ts";
import { gatewayLostSubject, PresenceEvent, presenceSubject } from "../contract/mod.ts";
import { type Bus, connectBus, createHeaders, createLogger, subscribe } from "../kit/mod.ts";
import { openPresence, type Presences } from "./presence.ts";
import { PresenceLog } from "./presence_log.ts";

const OPTIONS = { leaseMs: 1_000, maxBytes: 16 * 1024 * 1024 };
const log = createLogger("test", { write: () => {} });

let turn = 0;

/** The next request of a gateway about a user in the lobby. */
function hold(userId: string, gateway: string) {
  return { room: "lobby", userId, gateway, turn: ++turn };
}

/** A bus, so many instances of presence on buses of their own, and what was announced. */
async function setUp(instances: number) {
  const nats = await startNats();
  const buses: Bus[] = [];
  const connect = async () => {
    const bus = await connectBus({ url: nats.url, name: "test", log });
    buses.push(bus);
    return bus;
  };
  const events: string[] = [];
  const listener = await connect();
  subscribe(listener, presenceSubject("lobby", "*"), PresenceEvent, ({ change, userId }) => {
    if (change !== "seen") events.push(`${userId} ${change}`);
  });
  await listener.nats.flush();
  const presences: Presences[] = [];
  for (let i = 0; i < instances; i++) presences.push(await openPresence(await connect(), OPTIONS));
  return {
    nats,
    presences,
    events,
    buses,
    async [Symbol.asyncDispose]() {
      for (const presence of presences) presence.stop();
      await Promise.all(buses.map((bus) => bus.drain()));
      await nats[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a join and a leave are announced once, and counted", async () => {
  await using set = await setUp(1);
  const [presence] = set.presences as [Presences];
  const { count, revision } = await presence.join(hold("ann", "g1"), "Ann");
  assert.equal(count, 1);
  await presence.join(hold("bob.b", "g1"), "Bob");
  await presence.caughtUp(revision);
  await until("both", () => presence.roster.count("lobby") === 2);
  await presence.leave(hold("ann", "g1"));
  await until("the events", () => set.events.length === 3);
  assert.deepEqual(set.events, ["ann joined", "bob.b joined", "ann left"]);
  assert.deepEqual(presence.roster.page("lobby", undefined, 9).members, [
    { userId: "bob.b", username: "Bob" },
  ]);
});

Deno.test("two gateways of one user are one member until the last has let go", async () => {
  await using set = await setUp(2);
  const [one, two] = set.presences as [Presences, Presences];
  await one.join(hold("ann", "g1"), "Ann");
  const { revision } = await two.join(hold("ann", "g2"), "Ann");
  await one.caughtUp(revision);
  assert.equal(one.roster.count("lobby"), 1);
  await two.leave(hold("ann", "g1"));
  await one.leave(hold("ann", "g2"));
  await until("the leave", () => set.events.includes("ann left"));
  assert.deepEqual(set.events, ["ann joined", "ann left"]);
});

Deno.test("many instances at once announce each change once", async () => {
  await using set = await setUp(3);
  const users = Array.from({ length: 30 }, (_, i) => `user${i}`);
  const gateways = ["g1", "g2", "g3"];
  const pick = (i: number) => set.presences[i % 3]!;
  await Promise.all(
    users.flatMap((user) => gateways.map((gateway, i) => pick(i).join(hold(user, gateway), user))),
  );
  await Promise.all(
    users.flatMap((user) => gateways.map((gateway, i) => pick(i + 1).leave(hold(user, gateway)))),
  );
  await until("all to have left", () => users.every((user) => set.events.includes(`${user} left`)));
  assert.equal(set.events.length, users.length * 2);
  for (const presence of set.presences) {
    await until("an empty room", () => presence.roster.count("lobby") === 0);
  }
});

Deno.test("a gateway that falls silent loses its members, once, whoever watches", async () => {
  await using set = await setUp(2);
  const [one, two] = set.presences as [Presences, Presences];
  await one.join(hold("ann", "dead"), "Ann");
  await one.join(hold("bob", "alive"), "Bob");
  await two.join(hold("ann", "alive"), "Ann");
  await one.join(hold("cid", "dead"), "Cid");
  const beat = setInterval(() => {
    one.alive("alive");
    two.alive("alive");
  }, 100);
  try {
    await until("cid to leave", () => set.events.includes("cid left"));
    await until(
      "the dead gateway to be forgotten",
      () => [one, two].every(({ roster }) => [...roster.gateways()].join() === "alive"),
    );
  } finally {
    clearInterval(beat);
  }
  assert.deepEqual(set.events.toSorted(), ["ann joined", "bob joined", "cid joined", "cid left"]);
});

Deno.test("an instance that drains lets nobody go, though it hears no gateway any more", async () => {
  await using set = await setUp(2);
  const [draining, other] = set.presences as [Presences, Presences];
  await draining.join(hold("ann", "silent"), "Ann");
  draining.stopSweeping();
  const began = performance.now();
  await until("her lease to have run out there, and the sweep to change nothing", async () => {
    other.alive("silent");
    await draining.sweep();
    return performance.now() - began > 2 * OPTIONS.leaseMs;
  });
  assert.deepEqual(set.events, ["ann joined"]);
  // The other one, which hears nothing from now on, does.
  await until("her to be let go", () => set.events.includes("ann left"));
});

Deno.test("a gateway is told before anybody of it is let go, so whatever happens then it can join again", async () => {
  await using set = await setUp(1);
  const [presence] = set.presences as [Presences];
  const users = Array.from({ length: 200 }, (_, i) => `user${i}`);
  for (const user of users) await presence.join(hold(user, "cut-off"), user);
  let lost = 0;
  let joined: Promise<unknown> | undefined;
  const [listener] = set.buses as [Bus];
  subscribe(listener, gatewayLostSubject("cut-off"), z.unknown(), () => {
    lost++;
    // As a gateway does that was not dead: it says that it lives, and joins everybody.
    presence.alive("cut-off");
    joined ??= Promise.all(users.map((user) => presence.join(hold(user, "cut-off"), user)));
  });
  await listener.nats.flush();
  await until("the gateway to be told", () => joined);
  const left = set.events.filter((event) => event.endsWith(" left")).length;
  assert.ok(left < users.length, `${left} had left before it was told`);
  const beat = setInterval(() => presence.alive("cut-off"), 100);
  try {
    await joined;
    await until("all to be members", () => presence.roster.count("lobby") === users.length);
    // Nothing that was under way lets them go once more.
    await presence.sweep();
    assert.equal(presence.roster.count("lobby"), users.length);
    assert.equal(lost, 1);
  } finally {
    clearInterval(beat);
  }
});

Deno.test("what an instance left half done another finishes", async () => {
  await using set = await setUp(1);
  const [presence] = set.presences as [Presences];
  const { nats } = set.buses[0]!;
  const beat = setInterval(() => presence.alive("g1"), 100);
  try {
    // A join that died between its two keys.
    nats.publish("$KV.PRESENCE.m.ann.g1.lobby", JSON.stringify({ username: "Ann", turn: ++turn }));
    await until("the join to be finished", () => set.events.includes("ann joined"));
    assert.deepEqual(presence.roster.page("lobby", undefined, 9).members, [
      { userId: "ann", username: "Ann" },
    ]);
    // A leave that died between its two keys.
    await until("the view", () => presence.roster.get("lobby", "ann")?.announced);
    const deleted = createHeaders();
    deleted.set("KV-Operation", "DEL");
    nats.publish("$KV.PRESENCE.m.ann.g1.lobby", "", { headers: deleted });
    await until("the leave to be finished", () => set.events.includes("ann left"));
  } finally {
    clearInterval(beat);
  }
  assert.deepEqual(set.events, ["ann joined", "ann left"]);
});

Deno.test("presence goes on after NATS was killed, with what it held", async () => {
  await using set = await setUp(1);
  const [presence] = set.presences as [Presences];
  const beat = setInterval(() => presence.alive("g1"), 100);
  try {
    await presence.join(hold("ann", "g1"), "Ann");
    const back = set.buses.map((bus) => new Promise<void>((resolve) => bus.onReconnect(resolve)));
    await set.nats.restart();
    await within("all to be back", Promise.all(back));
    const { revision } = await until(
      "a join after the restart",
      () => presence.join(hold("bob", "g1"), "Bob").catch(() => null),
    );
    await until("the view", () => presence.roster.revision >= revision);
    assert.equal(presence.roster.count("lobby"), 2);
    await until("the event", () => set.events.length === 2);
    assert.deepEqual(set.events, ["ann joined", "bob joined"]);
  } finally {
    clearInterval(beat);
  }
});

Deno.test("a full bucket refuses a join with unavailable", async () => {
  await using nats = await startNats();
  const bus = await connectBus({ url: nats.url, name: "test", log });
  const presence = await openPresence(bus, { leaseMs: 60_000, maxBytes: 4_096 });
  let refused: unknown;
  for (let i = 0; i < 100 && refused === undefined; i++) {
    await presence.join(hold(`user${i}`, "g1"), "x".repeat(100)).catch((error) => {
      refused = error;
    });
  }
  assert.match(String(refused), /Temporarily unavailable/);
  presence.stop();
  await bus.drain();
});

Deno.test("a request that was overtaken changes nothing any more", async () => {
  await using set = await setUp(2);
  const [one, two] = set.presences as [Presences, Presences];
  const beat = setInterval(() => set.presences.forEach((presence) => presence.alive("g1")), 100);
  try {
    const [join, leave, late] = [hold("ann", "g1"), hold("ann", "g1"), hold("ann", "g1")];
    await one.join(join, "Ann");
    await two.leave(leave);
    // The first join was sent twice, and its other copy comes only now.
    await assert.rejects(two.join(join, "Ann"), /overtaken/);
    await one.join(late, "Ann");
    await two.leave(leave);
    await until("the view", () => two.roster.count("lobby") === 1);
    await until("the events", () => set.events.length === 3);
    assert.deepEqual(set.events, ["ann joined", "ann left", "ann joined"]);
  } finally {
    clearInterval(beat);
  }
});

Deno.test("a NATS that stands still for longer than a lease lets nobody go", async () => {
  await using set = await setUp(1);
  const [presence] = set.presences as [Presences];
  const gateway = set.buses[0]!;
  const rooms = set.buses[1]!;
  subscribe(rooms, "gateway.alive", z.unknown(), () => presence.alive("g1"));
  await presence.join(hold("ann", "g1"), "Ann");
  const beat = setInterval(() => gateway.send("gateway.alive", "{}"), 100);
  try {
    await set.nats.process.stop();
    const stopped = performance.now();
    await until("three leases", () => performance.now() - stopped > 3 * OPTIONS.leaseMs);
    set.nats.process.signal("SIGCONT");
    await presence.join(hold("bob", "g1"), "Bob");
    await until("bob", () => set.events.includes("bob joined"));
    assert.equal(presence.roster.count("lobby"), 2);
    assert.deepEqual(set.events, ["ann joined", "bob joined"]);
  } finally {
    clearInterval(beat);
  }
});

Deno.test("deletion markers are taken out of the bucket; nothing else is", async () => {
  await using nats = await startNats();
  const bus = await connectBus({ url: nats.url, name: "test", log });
  const bucket = new PresenceLog(bus, OPTIONS.maxBytes);
  await bucket.follow();
  const value = { username: "x", turn: 1 };
  const gone = (await bucket.write("m.a.g.lobby", value, 0))!;
  const kept = (await bucket.write("m.b.g.lobby", value, 0))!;
  await bucket.caughtUp((await bucket.write("m.a.g.lobby", value, gone, true))!);
  await bucket.purge(bucket.roster.takeMarkers(0, Infinity, 10));
  assert.deepEqual(await bucket.read("m.a.g.lobby"), { present: false, revision: 0, turn: 0 });
  assert.deepEqual(await bucket.read("m.b.g.lobby"), { present: true, revision: kept, turn: 1 });
  bucket.stop();
  await bus.drain();
});

Deno.test("a bounded number may wait for the view, and not for ever", async () => {
  await using nats = await startNats();
  const bus = await connectBus({ url: nats.url, name: "test", log });
  const bucket = new PresenceLog(bus, OPTIONS.maxBytes, 3);
  await bucket.follow();
  const waiting = [1, 2, 3].map(() => bucket.caughtUp(1_000).then(() => "here", () => "late"));
  await assert.rejects(bucket.caughtUp(1_000), /presence is behind/);
  assert.deepEqual(await within("the wait", Promise.all(waiting)), ["late", "late", "late"]);
  bucket.stop();
  await bus.drain();
});
