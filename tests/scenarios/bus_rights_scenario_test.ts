/** What a service with a user of its own can do to the others: what PROTOCOL.md offers, and no harm. */
import { jetstreamManager } from "@nats-io/jetstream";
import {
  connect,
  headers as createHeaders,
  type NatsConnection,
  nkeyAuthenticator,
} from "@nats-io/transport-node";
import assert from "node:assert/strict";
import {
  denialSubject,
  HistoryRead,
  inboxPrefix,
  liveSubject,
  messageSubject,
  revokedSubject,
  RoomsPresence,
  signalSubject,
  unstoredSubject,
  userEventSubject,
} from "../../services/contract/mod.ts";
import { startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

/** Connects as a service's user of NATS. */
async function connectAs(system: System, service: string): Promise<NatsConnection> {
  const { NATS_URL, NATS_NKEY_FILE } = system.natsEnv(service);
  return await connect({
    servers: NATS_URL!.replace("nats://", ""),
    authenticator: nkeyAuthenticator(await Deno.readFile(NATS_NKEY_FILE!)),
    inboxPrefix: inboxPrefix(service),
  });
}

const event = (room: string, content: unknown) =>
  JSON.stringify({
    room,
    id: crypto.randomUUID(),
    userId: "dice",
    username: "Dice",
    content,
    timestamp: Date.now(),
  });

Deno.test("a service of one's own", async (t) => {
  await using system = await startSystem({
    namespaces: [{ pattern: "cursor.*", stored: false }],
    natsServices: ["dice", "audit+log", "backend+revoke"],
  });
  const dice = await connectAs(system, "dice");
  const test = await connect({ servers: system.nats.url.replace("nats://", "") });
  const ann = await system.client({ user: "ann" });
  for (const room of ["lobby", "cursor.a"]) {
    ann.send({ type: "subscribe", room });
    await ann.take("subscribed");
  }
  try {
    await t.step("answers calls, publishes to rooms and users, and reads what it may", async () => {
      dice.subscribe("call.dice.*", { callback: (_, message) => void message.respond("4") });
      const live: unknown[] = [];
      for (const subject of ["room.live.>", "room.unstored.>"]) {
        dice.subscribe(subject, { callback: (_, message) => void live.push(message.json()) });
      }
      await dice.flush();
      ann.send({ type: "call", service: "dice", method: "roll", id: "c" });
      assert.equal((await ann.take("result")).data, 4);
      const ack = await dice.request(messageSubject("lobby"), event("lobby", "stored"));
      assert.equal(ack.json<{ stream: string }>().stream, "ROOMS");
      assert.equal((await ann.take("room-message")).content, "stored");
      dice.publish(unstoredSubject("cursor.a"), event("cursor.a", "unstored"));
      const unstored = await ann.take("room-message");
      assert.deepEqual([unstored.content, unstored.seq], ["unstored", 0]);
      const { id: _, timestamp: __, ...signal } = JSON.parse(event("lobby", "signal"));
      dice.publish(signalSubject("lobby"), JSON.stringify(signal));
      assert.equal((await ann.take("room-signal")).content, "signal");
      dice.publish(userEventSubject("ann"), JSON.stringify({ topic: "t", data: 1 }));
      assert.equal((await ann.take("event")).topic, "t");
      await until("both messages", () => live.length === 2);
      const members = await dice.request(
        RoomsPresence.subject,
        JSON.stringify({ room: "lobby", limit: 10 }),
      );
      assert.equal(RoomsPresence.reply.parse(members.json()).count, 1);
      const page = await dice.request(
        HistoryRead.subject,
        JSON.stringify({ room: "lobby", limit: 10, upTo: 1 }),
      );
      assert.equal(HistoryRead.reply.parse(page.json()).messages.length, 1);
    });

    await t.step("cannot pass a sequence of its own off as the server's", async () => {
      const headers = createHeaders();
      headers.set("Nats-Sequence", "999999999");
      headers.set("Nats-Last-Sequence", "999999998");
      const ack = await dice.request(messageSubject("lobby"), event("lobby", "forged"), {
        headers,
        timeout: 5_000,
      });
      const { seq } = ack.json<{ seq: number }>();
      const message = await ann.take("room-message");
      assert.deepEqual([message.content, message.seq], ["forged", seq]);
      // A gateway that opens the room reads its head from the log.
      const bob = await system.client({ user: "bob" });
      bob.send({ type: "subscribe", room: "lobby" });
      assert.equal((await bob.take("subscribed")).seq, seq);
    });

    await t.step("cannot make others answer where it may not publish", async () => {
      const reply = revokedSubject("ann");
      const arrived: string[] = [];
      test.subscribe(reply, { callback: (_, message) => void arrived.push(message.string()) });
      await test.flush();
      // rooms ignores this one; JetStream acknowledges wherever it is asked to.
      dice.publish(RoomsPresence.subject, '{"room":"lobby","limit":1}', { reply });
      dice.publish(messageSubject("lobby"), event("lobby", "redirected"), { reply });
      await until("the ack of JetStream", () => arrived.length > 0);
      assert.match(arrived[0]!, /"stream"/);
      assert.equal((await ann.take("room-message")).content, "redirected");
      ann.send({ type: "ping" });
      await ann.take("pong");
      assert.equal(arrived.length, 1, "rooms answered");
      assert.equal(ann.closed, undefined, "an ack was taken for a revocation");
    });

    await t.step(
      "with the right to the log, cannot deliver messages as if they were others'",
      async () => {
        const audit = await connectAs(system, "audit");
        ann.send({ type: "subscribe", room: "lobby", id: "again" });
        const { seq } = await ann.take("subscribed", ({ id }) => id === "again");
        const headers = createHeaders();
        headers.set("Nats-Sequence", "999999999");
        headers.set("Nats-Last-Sequence", String(seq));
        const forged = event("lobby", "forged");
        await audit.request(messageSubject("hall"), forged, { headers, timeout: 5_000 });
        await audit.request(messageSubject("hall"), "{}");
        const denied = { kind: "user", userId: "ann" } as const;
        const at = Date.now();
        const denial = { ...denied, before: at, at, expiresAt: null };
        await audit.request(messageSubject("hall"), JSON.stringify(denial));
        const manager = await jetstreamManager(audit, { checkAPI: false });
        for (
          const subject of [
            liveSubject("lobby"),
            revokedSubject("ann"),
            signalSubject("lobby"),
            denialSubject(denied),
          ]
        ) {
          const arrived: string[] = [];
          const spy = test.subscribe(subject, {
            callback: (_, { data }) => void arrived.push(`${data}`),
          });
          await test.flush();
          await manager.consumers.add("ROOMS", {
            durable_name: "audit",
            deliver_subject: subject,
            ack_policy: "none",
            filter_subject: messageSubject("hall"),
          });
          await until(`deliveries to ${subject}`, () => arrived.length >= 3);
          spy.unsubscribe();
          await manager.consumers.delete("ROOMS", "audit");
        }
        await audit.close();
        ann.send({ type: "message", room: "lobby", content: "still here", id: "s" });
        assert.equal((await ann.take("room-message")).content, "still here");
      },
    );

    await t.step("with the right to revoke, revokes", async () => {
      const backend = await connectAs(system, "backend");
      backend.publish(revokedSubject("ann"), "{}");
      assert.equal((await ann.closing()).code, 4004);
      await backend.close();
    });
  } finally {
    await dice.close();
    await test.close();
  }
});

Deno.test("messages of rooms that store nothing are on a subject of their own", async () => {
  await using system = await startSystem({
    gateways: 2,
    namespaces: [{ pattern: "cursor.*", stored: false }],
  });
  const test = await connect({ servers: system.nats.url.replace("nats://", "") });
  const subjects: string[] = [];
  test.subscribe("room.>", { callback: (_, { subject }) => void subjects.push(subject) });
  await test.flush();
  const [ann, bob] = [
    await system.client({ user: "ann" }),
    await system.client({ user: "bob", gateway: 1 }),
  ];
  for (const client of [ann, bob]) {
    client.send({ type: "subscribe", room: "cursor.a" });
    await client.take("subscribed");
  }
  ann.send({ type: "message", room: "cursor.a", content: 1, id: "m" });
  assert.equal((await ann.take("ack")).seq, 0);
  assert.equal((await bob.take("room-message")).content, 1);
  // A service that does not know what the room stores may still publish there.
  test.publish(messageSubject("cursor.a"), event("cursor.a", 2));
  const stored = await bob.take("room-message");
  assert.deepEqual([stored.content, stored.seq], [2, 0]);
  await until("all of it", () => subjects.length === 3);
  const expected = [unstoredSubject, messageSubject, liveSubject].map((of) => of("cursor.a"));
  assert.deepEqual(subjects.sort(), expected.sort());
  await test.close();
});
