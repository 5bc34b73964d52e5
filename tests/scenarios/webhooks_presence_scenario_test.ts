/** Webhooks of presence: nothing is lost when a gateway or hooks itself is killed, or when a crowd comes at once. */
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { HOOKS_STREAM, WEBHOOK_TYPES, type WebhookEvent } from "../../services/contract/mod.ts";
import { Joiners } from "../bench/joiners.ts";
import { Swarm } from "../bench/swarm.ts";
import { ticketsFor } from "../bench/target.ts";
import { HOPWIRE_WIRE } from "../bench/wires/hopwire_wire.ts";
import { type Receiver, secretOf, startReceiver } from "../harness/receiver.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { readMembers } from "../torture/judge.ts";

/** How many clients join at once, and how many rooms. */
const CROWD = 1_000;
const ROOMS = 100;

/** The types of the events about a user or a room, in the order in which they were accepted, each once. */
function typesAbout(receiver: Receiver, what: { userId?: string; room?: string }): string[] {
  const seen = new Set<string>();
  return receiver.events.filter((event: WebhookEvent) => {
    const { userId, room } = event.data as { userId?: string; room?: string };
    if (seen.has(event.id)) return false;
    seen.add(event.id);
    return what.room === undefined ? userId === what.userId : room === what.room;
  }).map(({ type }) => type);
}

/** Whether it is told that somebody or something is there now, or is not any more. */
const isHere = ({ type }: WebhookEvent) => /joined|occupied|user.connected/.test(type);

/**
 * What was told about each user of a crowd, in the room and as connected, and about each room: whether it is
 * there, in the order of the events, each once.
 */
function toldOf(receiver: Receiver, crowd: string): Map<string, boolean[]> {
  const told = new Map<string, boolean[]>();
  const seen = new Set<string>();
  for (const event of receiver.events) {
    const { userId = "", room = "" } = event.data as { userId?: string; room?: string };
    if (seen.has(event.id) || !`${userId} ${room}`.includes(crowd)) continue;
    seen.add(event.id);
    const key = `${userId} ${room}`;
    const known = told.get(key);
    if (known === undefined) told.set(key, [isHere(event)]);
    else known.push(isHere(event));
  }
  return told;
}

Deno.test("what happens to users and rooms reaches back-ends", async (t) => {
  await using all = startReceiver();
  await using system = await startSystem({
    gateways: 2,
    hooks: 2,
    webhooks: [{
      id: "all",
      url: all.url,
      secrets: [secretOf(1)],
      events: WEBHOOK_TYPES,
      batch: { maxEvents: 50, maxWaitMs: 20 },
      // Longer than it is slow in the storm below.
      timeoutMs: 30_000,
      retry: { firstDelayMs: 50, maxDelayMs: 200, maxAttempts: 1_000 },
    }],
    env: { gateway: { PRESENCE_LINGER_MS: "200", GATEWAY_LEASE_MS: "1500" } },
  });
  const join = async (user: string, room: string, gateway = 0) => {
    const client = await system.client({ user, gateway });
    client.send({ type: "subscribe", room });
    await client.take("subscribed");
    return client;
  };
  const about = (what: { userId?: string; room?: string }, expected: string[]) =>
    until(`${expected} about ${JSON.stringify(what)}`, () => {
      const types = typesAbout(all, what);
      if (types.join() !== expected.join()) throw new Error(types.join());
      return true;
    });
  const working = async () => {
    const line = "this instance delivers webhooks";
    return await until(
      "an instance to work",
      () =>
        system.hooks.find(({ process }) =>
          process.ended === undefined && process.output.some((text) => text.includes(line))
        ),
    );
  };

  await t.step("all seven events, once each, of connections on two gateways", async () => {
    const ann = await join("ann", "chat.a");
    const again = await join("ann", "chat.a", 1);
    await about({ room: "chat.a" }, ["room.occupied", "room.joined"]);
    ann.send({ type: "message", room: "chat.a", content: "hello", id: "m" });
    await all.event("room.message");
    const bob = await join("bob", "chat.a", 1);
    await about({ userId: "bob" }, ["user.connected", "room.joined"]);
    ann.close();
    bob.close();
    await about({ userId: "bob" }, [
      "user.connected",
      "room.joined",
      "room.left",
      "user.disconnected",
    ]);
    // On the other gateway she still is.
    assert.deepEqual(typesAbout(all, { userId: "ann" }), [
      "user.connected",
      "room.joined",
      "room.message",
    ]);
    again.close();
    await all.event("user.disconnected", ({ data }) => data.userId === "ann");
    await until(
      "the room to be vacated",
      () => typesAbout(all, { room: "chat.a" }).at(-1) === "room.vacated",
    );
    assert.deepEqual(
      [...new Set(all.events.map(({ type }) => type))].sort(),
      [...WEBHOOK_TYPES].sort(),
    );
  });

  await t.step(
    "a gateway that is killed: its users have left when its lease has ended",
    async () => {
      await join("cid", "chat.b", 1);
      await about({ userId: "cid" }, ["user.connected", "room.joined"]);
      await system.gateways[1]!.restart();
      await about({ room: "chat.b" }, [
        "room.occupied",
        "room.joined",
        "room.left",
        "room.vacated",
      ]);
      await all.event("user.disconnected", ({ data }) => data.userId === "cid");
      await system.gateways[1]!.ready();
    },
  );

  await t.step("hooks is killed: another instance tells what has changed meanwhile", async () => {
    const gone = await join("dan", "chat.c");
    await join("eve", "chat.d");
    await about({ userId: "dan" }, ["user.connected", "room.joined"]);
    await about({ userId: "eve" }, ["user.connected", "room.joined"]);
    const killed = await working();
    await killed.kill();
    gone.close();
    await join("fay", "chat.e");
    await about({ userId: "fay" }, ["user.connected", "room.joined"]);
    await about({ room: "chat.c" }, ["room.occupied", "room.joined", "room.left", "room.vacated"]);
    await all.event("user.disconnected", ({ data }) => data.userId === "dan");
    // She was there all the time, and nobody is told otherwise.
    assert.deepEqual(typesAbout(all, { userId: "eve" }), ["user.connected", "room.joined"]);
    await killed.restart();
    await killed.ready();
  });

  const nats = await connect({ servers: system.nats.url });
  const manager = await jetstreamManager(nats);
  /** Lets a crowd join, calls `present`, and lets it vanish. Resolves when no gateway has it any more. */
  const storm = async (name: string, present: () => Promise<void>) => {
    const roomOf = (index: number) => `${name}.${index % ROOMS}`;
    const tickets = await ticketsFor(HOPWIRE_WIRE, name, CROWD);
    {
      using swarm = new Swarm(HOPWIRE_WIRE);
      const clients = tickets.map((ticket, i) => ({ ticket, room: roomOf(i) }));
      const ports = system.gateways.map(({ port }) => port);
      const crowd = new Joiners(swarm, { ports, wire: HOPWIRE_WIRE }, clients);
      for (const joiner of crowd.joiners) crowd.join(joiner);
      await swarm.run("the crowd to join", () => crowd.joined === CROWD, 60_000, () => {
        crowd.work();
        return 2;
      });
      await present();
    }
    await until("the crowd to be gone", async () => {
      for (let room = 0; room < ROOMS; room += 10) {
        if ((await readMembers(system, roomOf(room))).length > 0) return false;
      }
      return true;
    });
  };
  /**
   * Waits until the last events about each user and room of a crowd say that it is here, or is not. Before that
   * they must say both in turn.
   */
  const isTold = async (name: string, here: boolean) => {
    const told = await until(`the crowd to be told ${here ? "here" : "gone"}`, () => {
      const told = toldOf(all, name);
      const wrong = [...told].find(([, states]) => states.at(-1) !== here);
      if (wrong !== undefined) throw new Error(String(wrong));
      return told.size === 2 * CROWD + ROOMS && told;
    });
    for (const [key, states] of told) {
      assert.ok(states.every((state, i) => state === (i % 2 === 0)), `${key}: ${states}`);
    }
  };

  await t.step("a storm of joins and leaves does not wait for a receiver that hangs", async () => {
    const gate = Promise.withResolvers<void>();
    all.answer = () => gate.promise.then(() => 204);
    await storm("storm", () => Promise.resolve());
    assert.equal(toldOf(all, "storm").size, 0);
    // Each user is told of four times, each room twice.
    const waiting = await until("the stream to have it all", async () => {
      const { num_pending, num_ack_pending } = await manager.consumers.info(HOOKS_STREAM, "all");
      return num_pending + num_ack_pending >= 4 * CROWD + 2 * ROOMS && num_ack_pending;
    });
    assert.ok(waiting <= 50, `hooks holds ${waiting} events`);
    gate.resolve();
    await isTold("storm", false);
    all.answer = () => 204;
  });

  await t.step("more changes than may wait: what is left out is found by comparing", async () => {
    const env = { HOOKS_MAX_WAITING: "100" };
    const line = "too many changes of presence; it is compared instead";
    await Promise.all(system.hooks.map((one) => one.kill()));
    await storm("flood", async () => {
      await Promise.all(system.hooks.map((one) => one.restart(env)));
      await Promise.all(system.hooks.map((one) => one.ready()));
      await (await working()).process.line(line);
      await isTold("flood", true);
    });
    await isTold("flood", false);
    // When they came, and when they left.
    const { output } = (await working()).process;
    assert.ok(output.filter((text) => text.includes(line)).length >= 2, output.join("\n"));
  });
  await nats.close();
});
