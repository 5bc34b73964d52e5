/** Every gateway is restarted, one after the other, while users talk. Nothing is lost. */
import assert from "node:assert/strict";
import { Hopwire, type Message, type Room, type TransportName } from "../../client/mod.ts";
import { probe } from "../../services/start/probe.ts";
import { freePort } from "../harness/process.ts";
import { startSystem, tokenFor } from "../harness/system.ts";
import { until, within } from "../harness/wait.ts";

const [GATEWAYS, ROOMS, USERS_PER_ROOM] = [3, 12, 6];

/** How long a client may be away beyond its turn, milliseconds. Until its turn it is connected. */
const MAX_AWAY_MS = 5_000;

/** Of six users of a room two have an event stream and one polls. */
const TRANSPORTS: TransportName[] = ["websocket", "websocket", "websocket", "sse", "sse", "poll"];

interface User {
  client: Hopwire;
  room: Room;
  /** What arrived, in order. */
  received: string[];
  /** What was acknowledged. */
  sent: string[];
  /** The longest time without a connection, milliseconds. */
  away: number;
}

Deno.test("a rolling restart of all gateways under load loses nothing", async () => {
  const port = freePort();
  await using system = await startSystem({
    gateways: GATEWAYS,
    env: { gateway: { PORT: String(port), REUSE_PORT: "true" } },
  });
  const users: User[] = [];
  try {
    for (let r = 0; r < ROOMS; r++) {
      for (let u = 0; u < USERS_PER_ROOM; u++) users.push(await newUser(port, r, u));
    }
    await within("all to join", Promise.all(users.map(({ room }) => room.joined)));

    let talking = true;
    const talk = async (user: User, index: number) => {
      for (let n = 0; talking; n++) {
        const content = `${index}-${n}`;
        await user.room.send(content);
        user.sent.push(content);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    const talks = users.map(talk);
    for (const gateway of system.gateways) {
      const before = users.reduce((sum, { sent }) => sum + sent.length, 0);
      gateway.process.signal("SIGTERM");
      // Its own health port says so, while the others answer on the port that they share.
      await until("the gateway's health port to tell of the drain", async () => {
        return (await probe(gateway.readyUrl)).text.includes("not draining");
      });
      assert.ok((await probe(`http://127.0.0.1:${port}/readyz`)).ok);
      const { code } = await gateway.process.status(60_000);
      assert.equal(code, 0, gateway.process.output.slice(-5).join("\n"));
      await gateway.restart();
      await gateway.process.line('"started"');
      await until(
        "everybody to talk on",
        () => users.reduce((sum, { sent }) => sum + sent.length, 0) > before + 2 * users.length,
      );
    }
    talking = false;
    await within("the last acknowledgements", Promise.all(talks));
    const longest = Math.max(...users.map(({ away }) => away));
    assert.ok(longest > 0 && longest <= MAX_AWAY_MS, `away for ${longest} ms`);
    for (let r = 0; r < ROOMS; r++) {
      const members = users.slice(r * USERS_PER_ROOM, (r + 1) * USERS_PER_ROOM);
      const sent = members.flatMap(({ sent }) => sent);
      await until("every message", () => members.every((m) => m.received.length >= sent.length));
      for (const { received } of members) {
        assert.deepEqual(received, members[0]!.received, "all see the same order");
        assert.deepEqual([...received].sort(), [...sent].sort(), "each message once");
      }
    }
  } finally {
    for (const { client } of users) client.close();
  }
});

async function newUser(port: number, r: number, u: number): Promise<User> {
  const token = await tokenFor(`u-${r}-${u}`);
  const transport = TRANSPORTS[u]!;
  const client = new Hopwire(`http://127.0.0.1:${port}`, {
    token,
    // A client whose transport fails for a moment may use the next one.
    transports: [...new Set([transport, "sse", "poll"] as TransportName[])],
    storage: null,
  });
  const room = client.join(`talk.${r}`);
  const user: User = { client, room, received: [], sent: [], away: 0 };
  await until("the first connection", () => client.state === "connected");
  let left = 0;
  client.on("state", ({ state }) => {
    if (state !== "connected") left ||= performance.now();
    else if (left > 0) {
      user.away = Math.max(user.away, performance.now() - left);
      left = 0;
    }
  });
  room.on("message", (message: Message) => user.received.push(String(message.content)));
  return user;
}
