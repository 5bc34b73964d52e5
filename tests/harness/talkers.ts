/**
 * Users that talk in rooms while a test restarts processes, on all transports. Afterwards they judge: no
 * message is missing or doubled, all see the same order, and nobody was away for long.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  Hopwire,
  type HopwireOptions,
  type Message,
  type Room,
  type TransportName,
} from "../../client/mod.ts";
import { tokenFor } from "./system.ts";
import { until, within } from "./wait.ts";

/** How long a client may be away beyond its turn, milliseconds. Until its turn it is connected. */
export const MAX_AWAY_MS = 5_000;

/** Of six users of a room two have an event stream and one polls. */
const TRANSPORTS: TransportName[] = ["websocket", "websocket", "websocket", "sse", "sse", "poll"];

/** The time between two messages of a user, milliseconds. */
const PAUSE_MS = 100;

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

/** The users of all rooms. */
export interface Talkers extends Disposable {
  /** How many messages were acknowledged so far. */
  readonly sent: number;
  /** Waits until everybody talks, on average two messages each from now on. */
  talkOn(): Promise<void>;
  /**
   * Ends the talk and judges it. Returns the longest time that anybody was away, milliseconds.
   *
   * @throws {AssertionError} if a message is missing, doubled or out of order, or somebody was away too long
   */
  judge(): Promise<number>;
}

/** Options of {@link startTalkers}. */
export interface TalkersOptions {
  url: string;
  rooms: number;
  usersPerRoom?: number;
  /** More options of the clients. */
  client?: Partial<HopwireOptions>;
}

/** Connects the users, and lets them talk. */
export async function startTalkers(options: TalkersOptions): Promise<Talkers> {
  const { rooms, usersPerRoom = TRANSPORTS.length } = options;
  const users: User[] = [];
  const close = () => {
    for (const { client } of users) client.close();
  };
  try {
    for (let r = 0; r < rooms; r++) {
      for (let u = 0; u < usersPerRoom; u++) users.push(await newUser(options, r, u));
    }
    await within("all to join", Promise.all(users.map(({ room }) => room.joined)));
  } catch (error) {
    close();
    throw error;
  }
  let talking = true;
  const talks = users.map(async (user, index) => {
    for (let n = 0; talking; n++) {
      const content = `${index}-${n}`;
      await user.room.send(content);
      user.sent.push(content);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  });
  const count = () => users.reduce((sum, { sent }) => sum + sent.length, 0);
  return {
    get sent() {
      return count();
    },
    async talkOn() {
      const before = count();
      await until("everybody to talk on", () => count() > before + 2 * users.length);
    },
    async judge() {
      talking = false;
      await within("the last acknowledgements", Promise.all(talks));
      for (let r = 0; r < rooms; r++) {
        const members = users.slice(r * usersPerRoom, (r + 1) * usersPerRoom);
        const sent = members.flatMap(({ sent }) => sent);
        await until("every message", () => members.every((m) => m.received.length >= sent.length));
        for (const { received } of members) {
          assert.deepEqual(received, members[0]!.received, "all see the same order");
          assert.deepEqual([...received].sort(), [...sent].sort(), "each message once");
        }
      }
      const longest = Math.max(...users.map(({ away }) => away));
      assert.ok(longest <= MAX_AWAY_MS, `away for ${longest} ms`);
      return longest;
    },
    [Symbol.dispose]: close,
  };
}

async function newUser({ url, client: more }: TalkersOptions, r: number, u: number): Promise<User> {
  const token = await tokenFor(`u-${r}-${u}`);
  const transport = TRANSPORTS[u % TRANSPORTS.length]!;
  const client = new Hopwire(url, {
    token,
    // A client whose transport fails for a moment may use the next one.
    transports: [...new Set([transport, "sse", "poll"] as TransportName[])],
    storage: null,
    ...more,
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
