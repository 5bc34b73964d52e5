import assert from "node:assert/strict";
import { startNats } from "../../tests/harness/nats.ts";
import { until, within } from "../../tests/harness/wait.ts";
import { PresenceEvent, presenceSubject } from "../contract/mod.ts";
import { type Bus, connectBus, createHeaders, createLogger, subscribe } from "../kit/mod.ts";
import { openPresence, type Presences } from "./presence.ts";

const OPTIONS = { leaseMs: 1_000, maxBytes: 16 * 1024 * 1024 };
const log = createLogger("test", { write: () => {} });

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
  const { count, revision } = await presence.join("lobby", "ann", "Ann", "g1");
  assert.equal(count, 1);
  await presence.join("lobby", "bob.b", "Bob", "g1");
  await presence.caughtUp(revision);
  await until("both", () => presence.roster.count("lobby") === 2);
  await presence.leave("lobby", "ann", "g1");
  await until("the events", () => set.events.length === 3);
  assert.deepEqual(set.events, ["ann joined", "bob.b joined", "ann left"]);
  assert.deepEqual(presence.roster.page("lobby", undefined, 9).members, [
    { userId: "bob.b", username: "Bob" },
  ]);
});

Deno.test("two gateways of one user are one member until the last has let go", async () => {
  await using set = await setUp(2);
  const [one, two] = set.presences as [Presences, Presences];
  await one.join("lobby", "ann", "Ann", "g1");
  const { revision } = await two.join("lobby", "ann", "Ann", "g2");
  await one.caughtUp(revision);
  assert.equal(one.roster.count("lobby"), 1);
  await two.leave("lobby", "ann", "g1");
  await one.leave("lobby", "ann", "g2");
  await until("the leave", () => set.events.includes("ann left"));
  assert.deepEqual(set.events, ["ann joined", "ann left"]);
});

Deno.test("many instances at once announce each change once", async () => {
  await using set = await setUp(3);
  const users = Array.from({ length: 30 }, (_, i) => `user${i}`);
  const gateways = ["g1", "g2", "g3"];
  const pick = (i: number) => set.presences[i % 3]!;
  await Promise.all(
    users.flatMap((user) =>
      gateways.map((gateway, i) => pick(i).join("lobby", user, user, gateway))
    ),
  );
  await Promise.all(
    users.flatMap((user) =>
      gateways.map((gateway, i) => pick(i + 1).leave("lobby", user, gateway))
    ),
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
  await one.join("lobby", "ann", "Ann", "dead");
  await one.join("lobby", "bob", "Bob", "alive");
  await two.join("lobby", "ann", "Ann", "alive");
  await one.join("lobby", "cid", "Cid", "dead");
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

Deno.test("what an instance left half done another finishes", async () => {
  await using set = await setUp(1);
  const [presence] = set.presences as [Presences];
  const { nats } = set.buses[0]!;
  const beat = setInterval(() => presence.alive("g1"), 100);
  try {
    // A join that died between its two keys.
    nats.publish("$KV.PRESENCE.m.ann.g1.lobby", JSON.stringify({ username: "Ann" }));
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
    await presence.join("lobby", "ann", "Ann", "g1");
    const back = set.buses.map((bus) => new Promise<void>((resolve) => bus.onReconnect(resolve)));
    await set.nats.restart();
    await within("all to be back", Promise.all(back));
    const { revision } = await until(
      "a join after the restart",
      () => presence.join("lobby", "bob", "Bob", "g1").catch(() => null),
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
    await presence.join("lobby", `user${i}`, "x".repeat(100), "g1").catch((error) => {
      refused = error;
    });
  }
  assert.match(String(refused), /Temporarily unavailable/);
  presence.stop();
  await bus.drain();
});
