/** Rights are those of the session's present token, whatever was under way when it came. */
import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import WebSocket from "ws";
import { startSystem, type System, tokenFor } from "../harness/system.ts";
import { until, within } from "../harness/wait.ts";

/** Sends frames in one write, so that one read of the gateway finds them all. */
async function sendTogether(system: System, token: string, frames: object[]): Promise<object[]> {
  const socket = new WebSocket(system.url(), { headers: { Authorization: `Bearer ${token}` } });
  const received: Record<string, unknown>[] = [];
  socket.on("message", (data) => received.push(JSON.parse(String(data))));
  await within("the socket", new Promise((resolve) => socket.on("open", resolve)));
  await until("authentication", () => received.some(({ type }) => type === "authenticated"));
  const raw = (socket as unknown as { _socket: { cork(): void; uncork(): void } })._socket;
  raw.cork();
  for (const frame of [...frames, { type: "ping", id: "end" }]) socket.send(JSON.stringify(frame));
  raw.uncork();
  const ids = frames.flatMap((frame) => "id" in frame ? [frame.id] : []);
  await until(
    "all answers",
    () => ids.every((id) => received.some((frame) => frame.id === id)),
  );
  socket.close();
  return received;
}

const errorOf = (frames: object[], of: string) =>
  frames.map((frame) => frame as Record<string, unknown>)
    .find(({ type, id }) => type === "error" && id === of)?.code;

Deno.test("a narrower token that is known decides about what was sent just before it", async (t) => {
  await using system = await startSystem();
  const narrow = await tokenFor("bob", { rooms: ["lobby"], calls: [] });
  // Now it is in the gateway's cache, and verified without a wait.
  await sendTogether(system, narrow, []);
  const wide = await tokenFor("bob");

  await t.step("a join", async () => {
    for (let i = 0; i < 20; i++) {
      const room = `secret${i}`;
      const frames = await sendTogether(system, wide, [
        { type: "subscribe", room, id: "join" },
        { type: "auth", token: narrow, id: "narrow" },
      ]);
      assert.equal(errorOf(frames, "join"), "forbidden");
      assert.ok(!frames.some((frame) => (frame as { type: string }).type === "subscribed"));
    }
  });

  await t.step("a message, a page of history and of members", async () => {
    const ann = await system.client({ user: "ann" });
    ann.send({ type: "subscribe", room: "hall" });
    await ann.take("subscribed");
    const bob = await system.client({ user: "bob" });
    bob.send({ type: "subscribe", room: "hall" });
    await bob.take("subscribed");
    bob.send({ type: "auth", token: narrow, id: "narrow" });
    await bob.take("authenticated", ({ id }) => id === "narrow");
    for (const type of ["message", "history", "presence"]) {
      bob.send({ type, room: "hall", content: 1, id: type });
      const answer = await bob.answer(type);
      assert.ok(answer.type === "error" && /forbidden|room_not_found/.test(answer.code), type);
    }
  });

  await t.step("history that is being read", async () => {
    const bob = await system.client({ user: "bob" });
    bob.send({ type: "subscribe", room: "lobby" });
    await bob.take("subscribed");
    await system.persistences[0]!.process.stop();
    bob.send({ type: "history", room: "lobby", id: "h" });
    const token = await tokenFor("bob", { rooms: { lobby: ["subscribe"] } });
    bob.send({ type: "auth", token, id: "narrow" });
    await bob.take("authenticated", ({ id }) => id === "narrow");
    system.persistences[0]!.process.signal("SIGCONT");
    const answer = await bob.answer("h");
    assert.equal(answer.type === "error" && answer.code, "forbidden");
  });

  await t.step("a call that a service is working on", async () => {
    const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
    let answer = () => {};
    nats.subscribe("call.slow.work", {
      callback: (_, message) => void (answer = () => void message.respond('"done"')),
    });
    await nats.flush();
    const before = answer;
    const bob = await system.client({ user: "bob" });
    bob.send({ type: "call", service: "slow", method: "work", id: "c" });
    await until("the call", () => answer !== before);
    bob.send({ type: "auth", token: narrow, id: "narrow" });
    await bob.take("authenticated", ({ id }) => id === "narrow");
    answer();
    const refused = await bob.answer("c");
    assert.equal(refused.type === "error" && refused.code, "forbidden");
    await nats.close();
  });
});

Deno.test("a token may call what its claim `calls` names, and nothing without it", async () => {
  await using system = await startSystem();
  const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
  const called: string[] = [];
  nats.subscribe("call.>", {
    callback: (_, message) => {
      called.push(message.subject);
      message.respond("1");
    },
  });
  await nats.flush();
  const cases: [calls: string[] | undefined, allowed: string[]][] = [
    [undefined, []],
    [[], []],
    [["dice.roll"], ["dice.roll"]],
    [["dice.*", "bank.read"], ["dice.roll", "dice.throw", "bank.read"]],
    [["*.roll"], ["dice.roll"]],
    [["*.*"], ["dice.roll", "dice.throw", "bank.read", "bank.pay"]],
  ];
  for (const [calls, allowed] of cases) {
    called.length = 0;
    const ann = await system.client({ user: "ann", claims: { calls } });
    for (const name of ["dice.roll", "dice.throw", "bank.read", "bank.pay"]) {
      const [service, method] = name.split(".");
      ann.send({ type: "call", service, method, id: name });
      const answer = await ann.answer(name);
      const expected = allowed.includes(name) ? "result" : "forbidden";
      assert.equal(answer.type === "error" ? answer.code : answer.type, expected, name);
    }
    assert.deepEqual(called.map((subject) => subject.slice(5)), allowed);
    ann.close();
  }
  for (const bad of [["dice"], ["dice.>"], ["a.b.c"], "dice.*"]) {
    const client = await system.client();
    client.send({ type: "auth", token: await tokenFor("ann", { calls: bad }) });
    assert.match((await client.take("error")).message, /claims: calls/);
  }
  await nats.close();
});
