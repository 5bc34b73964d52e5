/**
 * What the client must do, against a real system (`world.ts`): bundled to one file, which Deno, Node and
 * Bun run as it is. Says one line for each test and ends with 1 where one failed.
 *
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import {
  Hopwire,
  HopwireError,
  type HopwireOptions,
  type Message,
  type Room,
  type StateEvent,
  type TransportName,
  type WebSocketLike,
} from "../../client/mod.ts";
import { countListeners } from "../../client/test_listeners.ts";

/** How long anything may take, milliseconds. */
const PATIENCE_MS = 20_000;

const [address, filter] = process.argv.slice(2);

async function world<T = unknown>(action: string, options: object = {}): Promise<T> {
  const response = await fetch(address!, {
    method: "POST",
    body: JSON.stringify({ do: action, ...options }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return JSON.parse(text);
}

/** Node 20 has no WebSocket: there the one of `ws` is handed in. */
const WebSocket: new (url: string) => WebSocketLike =
  (globalThis as { WebSocket?: new (url: string) => WebSocketLike }).WebSocket ??
    (await import("ws" as string)).WebSocket;

const { gateways, proxy } = await world<{ gateways: string[]; proxy: string }>("where");
const open = new Set<Hopwire>();
// deno-lint-ignore no-console -- the only stream that every runtime has
const say = console.log;

function hopwire(
  user: string,
  options: Partial<HopwireOptions> & { url?: string; claims?: object } = {},
): Hopwire {
  const { url = gateways[0]!, claims, ...rest } = options;
  const hop = new Hopwire(url, {
    token: () => world<string>("token", { user, claims }),
    WebSocket,
    random: () => 0.1,
    ...rest,
  });
  open.add(hop);
  return hop;
}

async function until(what: string, probe: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!await probe()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE_MS);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const reached = (hop: Hopwire, state: string) => until(state, () => hop.state === state);

/** Every message of a room from now on. */
function gather(room: Room): Message[] {
  const messages: Message[] = [];
  room.on("message", (message) => messages.push(message));
  return messages;
}

const contents = (messages: readonly Message[]) => messages.map(({ content }) => content);
const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);
let rooms = 0;
const newRoom = () => `chat.${Math.random().toString(36).slice(2)}-${rooms++}`;

async function rejects(promise: Promise<unknown>, code: string): Promise<HopwireError> {
  let error: unknown;
  await within(`a refusal with ${code}`, promise.catch((reason) => error = reason));
  assert.ok(error instanceof HopwireError, `expected a HopwireError, got ${error}`);
  assert.equal(error.code, code, error.message);
  return error;
}

/** Two who talk: what one sends in order both get, in order, once. */
async function talk(ann: Hopwire, bob: Hopwire, disturb: () => Promise<void>): Promise<void> {
  const name = newRoom();
  const [hers, his] = [ann.join(name), bob.join(name)];
  const [atHers, atHis] = [gather(hers), gather(his)];
  await within("both to be in", Promise.all([hers.joined, his.joined]));
  const acks = numbers(20).map((n) => hers.send(n));
  await within("the first acks", Promise.all(acks));
  await disturb();
  acks.push(...numbers(20, 20).map((n) => hers.send(n)));
  const seqs = (await within("all acks", Promise.all(acks))).map(({ seq }) => seq);
  assert.deepEqual(seqs, seqs.toSorted((a, b) => a - b));
  await until("all messages", () => atHers.length >= 40 && atHis.length >= 40);
  assert.deepEqual(contents(atHers), numbers(40));
  assert.deepEqual(contents(atHis), numbers(40));
  const history: Message[] = [];
  for await (const message of hers.history({ after: 0 })) history.push(message);
  assert.deepEqual(contents(history), numbers(40));
}

const TESTS: Record<string, () => Promise<void>> = {
  async "rooms, acks, members, signals, events, history and calls"() {
    const name = newRoom();
    const ann = hopwire("ann");
    const bob = hopwire("bob", { url: gateways[1]!.replace("http", "ws") + "/ws" });
    const room = ann.join(name);
    assert.equal(ann.join(name), room);
    await within("to be in", room.joined);
    assert.equal(ann.state, "connected");
    assert.deepEqual(ann.user, { userId: "ann", username: "ann" });
    const joined: string[] = [];
    room.on("member-joined", ({ userId }) => joined.push(userId));
    room.on("member-left", ({ userId }) => joined.push(`-${userId}`));
    const other = bob.join(name);
    await within("to be in", other.joined);
    await until("each to see the other", () => room.members.size === 2 && other.members.size === 2);
    assert.deepEqual([...other.members.keys()].sort(), ["ann", "bob"]);
    assert.equal(other.count, 2);
    const iterated: unknown[] = [];
    const reading = (async () => {
      for await (const { content } of other) {
        iterated.push(content);
        if (iterated.length === 3) break;
      }
    })();
    const ack = await room.send({ text: "hello" }, { id: "mine" });
    assert.deepEqual([ack.id, ack.room, ack.duplicate], ["mine", name, false]);
    assert.deepEqual(await room.send("again", { id: "mine" }), { ...ack, duplicate: true });
    await room.send("two");
    await room.send(null);
    await within("three messages", reading);
    assert.deepEqual(iterated, [{ text: "hello" }, "two", null]);
    const signals: unknown[] = [];
    other.on("signal", ({ userId, content }) => signals.push([userId, content]));
    assert.equal(room.signal({ typing: true }), true);
    await until("the signal", () => signals.length > 0);
    assert.deepEqual(signals, [["ann", { typing: true }]]);
    const events: unknown[] = [];
    ann.on("event", (event) => events.push(event));
    await world("event", { user: "ann" });
    await until("the event", () => events.length > 0);
    assert.deepEqual(events, [{ topic: "order.shipped", data: 17 }]);
    const newest: unknown[] = [];
    for await (const { content } of other.history({ pageSize: 2 })) newest.push(content);
    assert.deepEqual(newest, [null, "two", { text: "hello" }]);
    const answer = await ann.call("dice.roll", { sides: 6 }) as { rolled: { data: unknown } };
    assert.deepEqual(answer.rolled.data, { sides: 6 });
    await rejects(ann.call("nobody.there"), "service_not_found");
    await rejects(ann.call("slow.sleep", null, { timeout: 20 }), "timeout");
    other.leave();
    assert.equal(other.state, "left");
    await until("bob to have left", () => joined.length === 2);
    assert.deepEqual(joined, ["bob", "-bob"]);
    await until("the latency", () => ann.latency !== undefined);
  },

  async "what is refused says why, and ends no more than it must"() {
    const ann = hopwire("ann");
    const room = ann.join(newRoom());
    await within("to be in", room.joined);
    const large = await rejects(room.send("x".repeat(40_000)), "too_large");
    assert.match(large.message, /40002 bytes, the limit is 32768/);
    await rejects(room.send(undefined), "invalid_format");
    await rejects(room.send("x", { id: "with blanks" }), "invalid_format");
    const secret = ann.join("secret.room");
    const errors: HopwireError[] = [];
    secret.on("error", (error) => errors.push(error));
    await rejects(secret.joined, "forbidden");
    assert.deepEqual(errors.map(({ code }) => code), ["forbidden"]);
    await rejects(secret.send("x"), "forbidden");
    assert.equal(ann.rooms.size, 1);
    assert.throws(() => ann.join("not a room"), { code: "invalid_format" });
    assert.equal((await room.send("still here")).duplicate, false);
    const cursor = ann.join("cursor.a");
    const messages = gather(cursor);
    await within("to be in", cursor.joined);
    assert.equal((await cursor.send([1, 2])).seq, 0);
    await until("the message", () => messages.length === 1);
  },

  async "signals of abort end what they were given to, and leave no listeners"() {
    const ann = hopwire("ann");
    const room = ann.join(newRoom());
    await within("to be in", room.joined);
    const abort = new AbortController();
    const { signal } = abort;
    const listening = countListeners(signal);
    await room.send(1, { signal });
    for await (const _ of room.history({ signal })) break;
    await ann.call("dice.roll", null, { signal });
    assert.equal(listening(), 0);
    let heard = 0;
    room.on("message", () => heard++, { signal });
    await room.send(2);
    await until("the message", () => heard === 1);
    const call = ann.call("slow.sleep", null, { signal });
    abort.abort(new Error("enough"));
    await assert.rejects(call, /enough/);
    await assert.rejects(room.send(3, { signal }), /enough/);
    const last = gather(room);
    await room.send(4);
    await until("the message", () => last.length === 1);
    assert.equal(heard, 1);
    const whole = new AbortController();
    const bob = hopwire("bob", { signal: whole.signal });
    const his = bob.join(newRoom());
    await within("to be in", his.joined);
    whole.abort();
    assert.equal(bob.state, "closed");
    assert.equal(his.state, "left");
    assert.throws(() => bob.join("x"), { code: "closed" });
  },

  async "the gateway is killed and comes back: nothing is lost or there twice"() {
    const ann = hopwire("ann");
    const bob = hopwire("bob");
    const states: StateEvent[] = [];
    ann.on("state", (event) => states.push(event));
    let queued: Promise<unknown>[] = [];
    const name = newRoom();
    const meanwhile = ann.join(name);
    const heard = gather(bob.join(name));
    await within("both to be in", Promise.all([meanwhile.joined, bob.join(name).joined]));
    await talk(ann, bob, async () => {
      await world("kill", { gateway: 0 });
      await until("the loss to be noticed", () => ann.state !== "connected");
      queued = numbers(50).map((n) => meanwhile.send(n));
      await world("restart", { gateway: 0 });
    });
    await within("what was queued", Promise.all(queued));
    await until("all of it, in order", () => heard.length === 50);
    assert.deepEqual(contents(heard), numbers(50));
    assert.ok(states.some(({ state, retryIn }) => state === "waiting" && retryIn !== undefined));
  },

  async "who was away gets what was missed, and no more"() {
    const ann = hopwire("ann", { url: proxy });
    const bob = hopwire("bob", { url: gateways[1] });
    const name = newRoom();
    const [hers, his] = [ann.join(name), bob.join(name)];
    const got = gather(hers);
    const joins: boolean[] = [];
    hers.on("joined", ({ recovered }) => joins.push(recovered));
    await within("both to be in", Promise.all([hers.joined, his.joined]));
    await his.send(0);
    await until("the first", () => got.length === 1);
    await world("mode", { mode: { silent: true } });
    await world("cut");
    for (const n of numbers(30, 1)) await his.send(n);
    await world("mode");
    await until("all", () => got.length === 31);
    assert.deepEqual(contents(got), numbers(31));
    assert.deepEqual(joins, [false, true]);
    // Somebody else goes on from there, in a new client.
    const since = hers.since!;
    ann.close();
    await his.send(31);
    const later = hopwire("ann");
    const again = later.join(name, { since });
    const rest = gather(again);
    await until("what is new", () => rest.length === 1);
    assert.deepEqual(contents(rest), [31]);
    const lost: unknown[] = [];
    const elsewhere = hopwire("cid").join(name, { since: { seq: 1, epoch: "another" } });
    elsewhere.on("lost", (event) => lost.push(event));
    await within("to be in", elsewhere.joined);
    assert.deepEqual(lost, [{ after: 1, before: again.since!.seq + 1 }]);
  },

  async "a link that is dead without being closed is noticed by pings"() {
    const ann = hopwire("ann", { url: proxy, pingInterval: 100, pingTimeout: 300 });
    const room = ann.join(newRoom());
    await within("to be in", room.joined);
    const waits: (string | undefined)[] = [];
    ann.on("state", ({ state, reason }) => state === "waiting" && waits.push(reason));
    await world("mode", { mode: { silent: true } });
    await until("the dead link to be noticed", () => waits.length > 0);
    assert.equal(waits[0], "the server did not answer a ping");
    const sent = room.send("after it");
    await world("mode");
    await world("cut");
    assert.ok((await within("the ack", sent)).seq > 0);
  },

  async "WebSocket is blocked: a stream carries on, at any gateway, and is remembered"() {
    await world("mode", { mode: { webSocket: false } });
    const kept = new Map<string, string>();
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    };
    const ann = hopwire("ann", { url: proxy, storage });
    const bob = hopwire("bob");
    await reached(ann, "connected");
    assert.equal(ann.transport, "sse");
    await until(
      "it to be remembered",
      () => kept.get("hopwire.transport")?.startsWith("sse") === true,
    );
    await talk(ann, bob, () => world("cut"));
    const before = (await world<Record<string, number>>("requests"))["/ws"];
    const next = hopwire("ann", { url: proxy, storage });
    await reached(next, "connected");
    assert.equal((await world<Record<string, number>>("requests"))["/ws"], before);
    assert.equal(next.transport, "sse");
    await world("mode");
  },

  async "streams are held up too: polling carries on"() {
    await world("mode", { mode: { webSocket: false, buffering: true } });
    const ann = hopwire("ann", { url: proxy, connectTimeout: 1_000 });
    const bob = hopwire("bob");
    await reached(ann, "connected");
    assert.equal(ann.transport, "poll");
    await talk(ann, bob, () => world("cut"));
    await world("mode");
  },

  async "a server that was away is no reason to stay without WebSocket"() {
    await world("kill", { gateway: 1 });
    const ann = hopwire("ann", { url: gateways[1], random: () => 0.02 });
    const tried = new Set<TransportName>();
    ann.on("state", ({ transport }) => tried.add(transport));
    await until("every transport to be tried", () => tried.size === 3);
    await world("restart", { gateway: 1 });
    await until(
      "WebSocket",
      () => ann.state === "connected" && ann.transport === "websocket",
    );
  },

  async "a token is refreshed without a new connection"() {
    let given = 0;
    const ann = hopwire("ann", {
      token: () => (given++, world<string>("token", { user: "ann", lives: 3 })),
    });
    const states: string[] = [];
    ann.on("state", ({ state }) => states.push(state));
    const room = ann.join(newRoom());
    await within("to be in", room.joined);
    await until("three tokens", () => given >= 4);
    await room.send("still here");
    assert.deepEqual(states, ["connecting", "connected"]);
    assert.ok(given < 10, `${given} tokens were asked for`);
  },

  async "a bad token stops it, a fresh one is asked for once"() {
    const bad = hopwire("ann", { token: "not a token" });
    const room = bad.join("chat.x");
    const error = await rejects(room.joined, "closed");
    assert.equal(error.closeCode, 4001);
    assert.match(error.message, /Not authenticated/);
    assert.equal(bad.state, "closed");
    let given = 0;
    const renewed = hopwire("ann", {
      token: () => given++ === 0 ? "stale" : world<string>("token", { user: "ann" }),
    });
    await reached(renewed, "connected");
    assert.equal(given, 2);
    const hopeless = hopwire("ann", { token: () => (given++, "stale") });
    await reached(hopeless, "closed");
    assert.equal(given, 4);
    const expired = hopwire("ann", {
      token: await world<string>("token", { user: "ann", lives: -5 }),
    });
    assert.equal((await rejects(expired.join("chat.x").joined, "closed")).closeCode, 4002);
    const revoked = hopwire("eve");
    await reached(revoked, "connected");
    await world("revoke", { user: "eve" });
    await reached(revoked, "closed");
    // Somebody who can give none yet is asked again.
    const errors: unknown[] = [];
    const late = hopwire("ann", {
      token: () => {
        if (errors.length < 2) throw new Error("no token yet");
        return world<string>("token", { user: "ann" });
      },
    });
    late.on("error", (reason) => errors.push(reason));
    await reached(late, "connected");
    assert.equal(late.transport, "websocket");
    assert.equal(errors.length, 2);
  },

  async "attempts have an end where one is set, and everything that waits is told"() {
    const ann = hopwire("ann", { url: "http://127.0.0.1:9", maxAttempts: 4, random: () => 0 });
    const waiting = ann.join("chat.x").send("x");
    const call = ann.call("dice.roll");
    const gaveUp = new Promise((resolve) => ann.on("reconnect-failed", resolve));
    assert.ok(await within("to give up", gaveUp) instanceof HopwireError);
    assert.equal(ann.state, "closed");
    await rejects(waiting, "closed");
    await rejects(call, "closed");
  },

  async "no more wait to be sent than may"() {
    const ann = hopwire("ann", { url: "http://127.0.0.1:9", maxQueue: 10 });
    const room = ann.join("chat.x");
    const sends = numbers(10).map((n) => room.send(n));
    await rejects(room.send(10), "queue_full");
    ann.close();
    for (const send of sends) await rejects(send, "closed");
  },

  async "a thousand that waited go out in order, no faster than the server takes them"() {
    const ann = hopwire("ann", { url: proxy });
    const bob = hopwire("bob");
    const name = newRoom();
    const [hers, his] = [ann.join(name), bob.join(name)];
    const got = gather(his);
    await within("both to be in", Promise.all([hers.joined, his.joined]));
    await world("mode", { mode: { silent: true } });
    await world("cut");
    await until("the loss to be noticed", () => ann.state !== "connected");
    const sends = numbers(1_000).map((n) => hers.send(n));
    await world("mode");
    const acks = await within("every ack", Promise.all(sends));
    assert.equal(acks.filter(({ duplicate }) => duplicate).length, 0);
    await until("every message", () => got.length >= 1_000);
    assert.deepEqual(contents(got), numbers(1_000));
  },
};

let failed = 0;
for (const [name, run] of Object.entries(TESTS)) {
  if (filter !== undefined && !name.includes(filter)) continue;
  const began = Date.now();
  try {
    await run();
    say(`ok    ${name} (${Date.now() - began} ms)`);
  } catch (error) {
    failed++;
    say(`FAIL  ${name}\n${(error as Error).stack}`);
  }
  for (const hop of open) hop.close();
  open.clear();
  await world("mode");
}
say(failed === 0 ? "all passed" : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
