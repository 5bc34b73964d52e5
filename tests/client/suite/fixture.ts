/**
 * What the suite's tests share: clients of the test system, waiting with a limit, and assertions.
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
  type WebSocketLike,
} from "../../../client/mod.ts";

/** How long anything may take, milliseconds. */
const TIMEOUT_MS = 20_000;

const [controlAddress] = process.argv.slice(2);

/** Asks the test system (controlled_system.ts) for something, and returns its answer. */
export async function control<T = unknown>(action: string, options: object = {}): Promise<T> {
  const response = await fetch(controlAddress!, {
    method: "POST",
    body: JSON.stringify({ do: action, ...options }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return JSON.parse(text);
}

/** Node 20 has no WebSocket and uses the package `ws`. */
const WebSocket: new (url: string) => WebSocketLike =
  (globalThis as { WebSocket?: new (url: string) => WebSocketLike }).WebSocket ??
    (await import("ws" as string)).WebSocket;

/** The addresses of both gateways, and of the proxy in front of them. */
export const { gateways, proxy } = await control<{ gateways: string[]; proxy: string }>(
  "addresses",
);

const clients = new Set<Hopwire>();

/** Connects a client as `user`, by default to the first gateway. It is closed after the test. */
export function connect(
  user: string,
  options: Partial<HopwireOptions> & { url?: string; claims?: object } = {},
): Hopwire {
  const { url = gateways[0]!, claims, ...rest } = options;
  const hop = new Hopwire(url, {
    token: () => control<string>("token", { user, claims }),
    WebSocket,
    random: () => 0.1,
    ...rest,
  });
  clients.add(hop);
  return hop;
}

/** Closes every client and resets the proxy. */
export async function cleanUp(): Promise<void> {
  for (const hop of clients) hop.close();
  clients.clear();
  await control("setProxyMode");
}

/** Waits until `probe` returns true. */
export async function until(what: string, probe: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  while (!await probe()) {
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Returns what `promise` resolves with, or fails if that takes too long. */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out waiting for ${what}`)), TIMEOUT_MS);
  });
  return await Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

/** Waits until a client is in a state. */
export const reachState = (hop: Hopwire, state: string) => until(state, () => hop.state === state);

/** Returns an array that receives every message of a room from now on. */
export function collectMessages(room: Room): Message[] {
  const messages: Message[] = [];
  room.on("message", (message) => messages.push(message));
  return messages;
}

/** Returns the contents of messages. */
export const contents = (messages: readonly Message[]) => messages.map(({ content }) => content);

/** Returns `count` integers that begin with `from`. */
export const range = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);

let rooms = 0;

/** Returns the name of a room that no other test uses. */
export const newRoomName = () => `chat.${Math.random().toString(36).slice(2)}-${rooms++}`;

/** Asserts that `promise` rejects with a code, and returns the error. */
export async function rejectsWith(promise: Promise<unknown>, code: string): Promise<HopwireError> {
  let error: unknown;
  await within(`a rejection with ${code}`, promise.catch((reason) => error = reason));
  assert.ok(error instanceof HopwireError, `expected a HopwireError, got ${error}`);
  assert.equal(error.code, code, error.message);
  return error;
}

/**
 * Lets Ann send 40 messages to Bob and calls `disturb` halfway. Asserts that both receive all of them,
 * in order and once.
 */
export async function converse(
  ann: Hopwire,
  bob: Hopwire,
  disturb: () => Promise<void>,
): Promise<void> {
  const name = newRoomName();
  const [hers, his] = [ann.join(name), bob.join(name)];
  const [atHers, atHis] = [collectMessages(hers), collectMessages(his)];
  await within("both rooms to be joined", Promise.all([hers.joined, his.joined]));
  const acks = range(20).map((n) => hers.send(n));
  await within("the first acknowledgements", Promise.all(acks));
  await disturb();
  acks.push(...range(20, 20).map((n) => hers.send(n)));
  const seqs = (await within("every acknowledgement", Promise.all(acks))).map(({ seq }) => seq);
  assert.deepEqual(seqs, seqs.toSorted((a, b) => a - b));
  await until("every message", () => atHers.length >= 40 && atHis.length >= 40);
  assert.deepEqual(contents(atHers), range(40));
  assert.deepEqual(contents(atHis), range(40));
  const history: Message[] = [];
  for await (const message of hers.history({ after: 0 })) history.push(message);
  assert.deepEqual(contents(history), range(40));
}
