/**
 * Two regions with 80 ms between them, joined by leaf nodes and by gateways of NATS as services/README.md
 * says: one order for each room, and nobody gets an ack without storage while the link is down.
 */
import assert from "node:assert/strict";
import type { ServerFrame } from "../../services/contract/mod.ts";
import { probe } from "../../services/start/probe.ts";
import type { TestClient } from "../harness/client.ts";
import { type Joined, startRegions } from "../harness/regions.ts";
import { until } from "../harness/wait.ts";

/** How long bytes are under way in each direction, milliseconds. */
const DELAY_MS = 40;

/** How many messages each side sends at the same time. */
const MESSAGES = 20;

const WAYS: [joined: Joined, how: "silence" | "cut"][] = [
  ["leaf nodes", "silence"],
  ["gateways", "cut"],
];

for (const [joined, how] of WAYS) {
  Deno.test(`two regions joined by ${joined}: one order, and ${how} loses nothing`, async () => {
    await using regions = await startRegions({ joined, delay: DELAY_MS });
    const { eu, us } = regions;
    const ann = await eu.client("ann");
    const bob = await us.client("bob");
    const cat = await us.client("cat");
    for (const client of [ann, bob, cat]) await join(client);
    const here = [["ann", ann], ["bob", bob], ["cat", cat]] as const;
    for (const user of ["bob", "cat"]) await comes(ann, user);
    await comes(bob, "cat");
    for (const [user, client] of here) await roster(client, ["ann", "bob", "cat"], user);

    // Both sides talk at once.
    const acked = new Map<string, number>();
    const ack = async (client: TestClient, id: string) => {
      const frame = await client.take("ack", (frame) => frame.id === id);
      acked.set(id, frame.seq);
    };
    const ids = Array.from({ length: MESSAGES }, (_, i) => [`eu-${i}`, `us-${i}`] as const);
    for (const [near, far] of ids) {
      say(ann, near);
      say(bob, far);
    }
    for (const [near, far] of ids) await Promise.all([ack(ann, near), ack(bob, far)]);
    for (const client of [ann, bob, cat]) await logOf(client, 2 * MESSAGES, acked);

    // An ack from afar takes the way there and back.
    const began = performance.now();
    say(bob, "timed");
    await ack(bob, "timed");
    assert.ok(performance.now() - began >= 2 * DELAY_MS);

    // Apart: the home region goes on, and the other one stores nothing and says so.
    const before = bob.frames.length;
    regions.separate(how);
    say(bob, "apart-us");
    const refused = await bob.answer("apart-us");
    assert.equal(refused.type, "error");
    assert.deepEqual(pick(refused), { code: "unavailable", retryAfter: 1_000 });
    say(ann, "apart-eu");
    await ack(ann, "apart-eu");
    for (const user of ["bob", "cat"]) await ann.take("user-left", left(user));
    for (const client of [bob, cat]) await client.take("user-left", left("ann"));
    await until("the gateway not to be ready", async () => {
      const { ok, text } = await probe(us.services.gateway!.readyUrl);
      return !ok && text.includes("stream");
    });
    // Who is in the region still finds each other.
    const dan = await us.client("dan");
    await join(dan);
    await roster(dan, ["bob", "cat", "dan"], "dan");
    for (const client of [bob, cat]) await comes(client, "dan");
    dan.send({ type: "history", room: "lobby", id: "apart" });
    assert.deepEqual(pick(await dan.answer("apart")), { code: "unavailable", retryAfter: 1_000 });
    // What was under way is given up, long before it could be stored a second time.
    await until("the servers to give each other up", () => lost(us.nats[0]!.output));
    assert.ok(!bob.frames.slice(before).some(({ type }) => type === "ack"));

    // Together again.
    const healed = new Map([ann, bob, cat, dan].map((client) => [client, client.frames.length]));
    regions.heal();
    await until("the message to be stored", async () => {
      say(bob, "apart-us");
      const answer = await bob.answer("apart-us");
      if (answer.type === "ack") acked.set("apart-us", answer.seq);
      return answer.type === "ack";
    });
    for (const user of ["bob", "cat", "dan"]) await comes(ann, user, healed);
    for (const client of [bob, cat, dan]) await comes(client, "ann", healed);
    const all = [["ann", ann], ["bob", bob], ["cat", cat], ["dan", dan]] as const;
    for (const [user, client] of all) await roster(client, ["ann", "bob", "cat", "dan"], user);
    await until(
      "the gateway to be ready",
      async () => (await probe(us.services.gateway!.readyUrl)).ok,
    );
    const total = 2 * MESSAGES + 3;
    assert.equal(acked.size, total);
    for (const client of [ann, bob, cat]) await logOf(client, total, acked);
    for (const [user, client] of all) assert.equal(client.closed, undefined, user);
    // History comes from the home region.
    dan.send({ type: "history", room: "lobby", id: "h" });
    const history = await dan.take("history", ({ id }) => id === "h");
    assert.deepEqual(history.messages.map(({ seq }) => seq).sort((a, b) => a - b), range(total));
  });
}

const say = (client: TestClient, id: string) =>
  client.send({ type: "message", room: "lobby", id, content: id });

const left = (user: string) => ({ userId }: { userId: string }) => userId === user;

const range = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

/** Whether a server has lost its connection to the other region. */
const lost = (output: readonly string[]) =>
  output.some((line) => /(Leafnode|Gateway|gateway) connection.* closed/.test(line));

async function join(client: TestClient): Promise<void> {
  client.send({ type: "subscribe", room: "lobby" });
  await client.take("subscribed");
}

/** Waits until a client is told that a user comes; with `since`, after that many frames. */
async function comes(
  client: TestClient,
  user: string,
  since?: Map<TestClient, number>,
): Promise<void> {
  await until(
    `${user} to come`,
    () =>
      client.frames.slice(since?.get(client) ?? 0).some((frame) =>
        frame.type === "user-joined" && frame.userId === user
      ),
  );
}

function pick(frame: ServerFrame): unknown {
  assert.equal(frame.type, "error");
  return { code: frame.code, retryAfter: frame.retryAfter };
}

/** Waits until a client is told that exactly these users are in the room. */
async function roster(client: TestClient, users: string[], who: string): Promise<void> {
  let asked = 0;
  await until(`the roster of ${who}`, async () => {
    const id = `roster-${asked++}-${performance.now()}`;
    client.send({ type: "presence", room: "lobby", id });
    const { members } = await client.take("presence", (frame) => frame.id === id);
    return members.map(({ userId }) => userId).sort().join() === users.join();
  });
}

/** Waits until a client has this many messages, and checks that they are the log: in order, each once. */
async function logOf(client: TestClient, count: number, acked: Map<string, number>): Promise<void> {
  const messages = () => client.frames.filter((frame) => frame.type === "room-message");
  await until(`${count} messages`, () => messages().length >= count);
  assert.deepEqual(messages().map(({ seq }) => seq), range(count));
  for (const { id, seq } of messages()) assert.equal(seq, acked.get(id), id);
}
