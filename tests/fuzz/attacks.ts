/**
 * The attacks: each sends what it is given, waits for what the system makes of it, and returns answers
 * that the protocol does not document.
 *
 * @module
 */
import { connect, headers as createHeaders } from "@nats-io/transport-node";
import {
  AuthVerify,
  CLOSES,
  HEADERS,
  HistoryRead,
  isErrorCode,
  PollAnswer,
  RoomsJoin,
  ServerFrame,
} from "../../services/contract/mod.ts";
import { connectClient, type TestClient } from "../harness/client.ts";
import { type System, tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { type BusMessage, REPLIES, ROOM, USER } from "./arbitraries.ts";
import { type HttpBody, NEXT, SESSION } from "./http_arbitraries.ts";

/** What a WebSocket may be closed with: our codes, and those of the WebSocket protocol itself. */
const CLOSE_CODES = new Set<number>([
  ...Object.values(CLOSES).map(({ code }) => code),
  1002,
  1005,
  1006,
]);

/** The statuses that PROTOCOL.md, or HTTP itself, has for what a gateway refuses. */
const STATUSES = new Set([
  ...[100, 101, 200, 204, 304],
  ...[400, 401, 403, 404, 405, 408, 409, 410, 411, 413, 414, 415, 426, 429, 431],
  ...[501, 503, 505],
]);

/** Frames that one connection sends before it waits for the answers. */
const BURST = 50;

/** Connections at a time. */
const PARALLEL = 48;

/** How long a raw connection is read, milliseconds; the system answers long before, or never. */
const READ_MS = 250;

/** How long an answer may take that has to come, on a busy machine, milliseconds. */
const ANSWER_MS = 20_000;

/** Sends frames over connections that are replaced when they are closed. */
export async function attackByFrames(system: System, texts: readonly string[]): Promise<string[]> {
  const undocumented: string[] = [];
  let client: TestClient | undefined;
  for (let i = 0; i < texts.length; i += BURST) {
    if (client === undefined || client.closed !== undefined) {
      client = await connectClient(system.url(), { headers: { origin: "" } });
      // Some connections never authenticate.
      if (i % (4 * BURST) !== 0) {
        client.send({ type: "auth", token: await tokenFor(`${USER}-${i}`) });
        client.send({ type: "subscribe", room: ROOM });
      }
    }
    const current = client;
    for (const text of texts.slice(i, i + BURST)) {
      if (current.closed !== undefined || current.socket.readyState !== WebSocket.OPEN) break;
      current.send(text);
    }
    // Frames are handled in order: the answer to the last one follows all others. The client parses
    // each answer by its schema, so an undocumented one ends the test.
    if (current.socket.readyState === WebSocket.OPEN) current.send({ type: "ping" });
    await until("the answers", () => {
      if (current.closed !== undefined) return true;
      return current.frames.some(({ type }) => type === "pong");
    });
    if (current.closed !== undefined && !CLOSE_CODES.has(current.closed.code)) {
      undocumented.push(`closed with ${current.closed.code}`);
    }
    current.frames.length = 0;
  }
  client?.close();
  return undocumented;
}

/** Sends broken WebSocket frames, each on a connection of its own. */
export async function attackByBytes(
  system: System,
  payloads: readonly Uint8Array[],
): Promise<string[]> {
  const { port } = system.gateways[0]!;
  const upgrade = new TextEncoder().encode(
    "GET /ws HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  return await inParallel(payloads, async (payload) => {
    const answer = await exchange(port, [upgrade, payload], ANSWER_MS);
    return /^HTTP\/1\.1 (101|503|429) /.test(answer) ? null : `upgrade: ${answer.slice(0, 40)}`;
  });
}

/** Sends requests of HTTP, handshakes among them, each on a connection of its own. */
export async function attackByRequests(
  system: System,
  requests: readonly string[],
): Promise<string[]> {
  const { port } = system.gateways[0]!;
  return await inParallel(requests, async (request) => {
    const answer = await exchange(port, [new TextEncoder().encode(request)]);
    if (answer === "") return null;
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
    return STATUSES.has(status) ? null : `${JSON.stringify(request.slice(0, 80))}: ${status}`;
  });
}

/** Posts that one session takes before the next one is opened. */
const POSTS = 25;

/** Posts bodies for HTTP sessions, over sessions that are replaced when they end. */
export async function attackByBodies(
  system: System,
  bodies: readonly HttpBody[],
): Promise<string[]> {
  const base = `http://127.0.0.1:${system.gateways[0]!.port}`;
  const groups = Array.from(
    { length: Math.ceil(bodies.length / POSTS) },
    (_, i) => bodies.slice(i * POSTS, (i + 1) * POSTS),
  );
  return (await inParallel(groups, async (group) => {
    const { session } = await openSession(base);
    const undocumented: string[] = [];
    let next = 1;
    for (const { path, method, head, lines } of group) {
      const first = head.replaceAll(SESSION, session)
        .replaceAll(String(NEXT), String(path === "/send" ? next : 0));
      const body = [first, ...lines].join("\n");
      try {
        // A poll may wait for frames, and a post for a join: this client is gone by then.
        const signal = AbortSignal.timeout(READ_MS);
        const answer = await fetch(`${base}${path}`, { method, body, signal });
        if (answer.status === 204 && path === "/send") next++;
        const wrong = wrongWith(answer.status, await answer.text());
        if (wrong !== null) undocumented.push(`${path}, ${body.slice(0, 80)}: ${wrong}`);
      } catch (error) {
        // Closed without an answer, where what was sent was too long to be read.
        if (!["TimeoutError", "TypeError"].includes((error as Error).name)) throw error;
      }
    }
    return undocumented.length === 0 ? null : undocumented.join("; ");
  }));
}

/**
 * Opens a session. The client may send the request over a connection of before, which the gateway is just closing
 * because of what it carried; then another one must do.
 */
async function openSession(base: string): Promise<{ session: string }> {
  const authorization = `Bearer ${await tokenFor(USER)}`;
  const request = { method: "POST", body: "{}", headers: { authorization } };
  for (let tries = 3;; tries--) {
    try {
      const answer = await fetch(`${base}/poll`, request);
      return PollAnswer.parse(await answer.json());
    } catch (error) {
      if (tries === 1 || !(error instanceof TypeError)) throw error;
    }
  }
}

/** What is not documented about an answer, or null. */
function wrongWith(status: number, text: string): string | null {
  if (!STATUSES.has(status)) return `status ${status}`;
  if (status === 204) return text === "" ? null : "204 with a body";
  const schema = status === 200 ? PollAnswer : ServerFrame;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return `${status}: ${text.slice(0, 80)}`;
  }
  return schema.safeParse(value).success ? null : `${status}: ${text.slice(0, 80)}`;
}

/** Counts the requests on the bus. */
let requests = 0;

/** How long a service may take to read what it was sent, milliseconds. */
const SETTLE_MS = 30_000;

/** Publishes messages as somebody who may do everything on the bus. */
export async function attackByBus(
  system: System,
  messages: readonly BusMessage[],
): Promise<string[]> {
  const servers = system.nats.url.replace("nats://", "");
  const nats = await connect({ servers, inboxPrefix: "_INBOX.fuzz" });
  const undocumented: string[] = [];
  const sent = new Map<string, BusMessage>();
  nats.subscribe("_INBOX.rooms.*", {
    callback: (_error, reply) => {
      const message = sent.get(reply.subject);
      if (message === undefined) return;
      const code = reply.headers?.get(HEADERS.errorCode) ?? "";
      // No one serves the subject, or the service refused the request.
      if (reply.headers?.code === 503 || isErrorCode(code)) return;
      const schema = REPLIES.get(message.subject);
      try {
        if (code === "" && schema?.safeParse(reply.json()).success === true) return;
      } catch {
        // Not JSON.
      }
      undocumented.push(`${message.subject}, ${message.payload}: ${code} ${reply.string()}`);
    },
  });
  for (const message of messages) {
    const headers = createHeaders();
    for (const [name, value] of message.headers) headers.append(name, value);
    // One that every service may answer, and each once.
    const reply = message.request ? `_INBOX.rooms.fuzz${requests++}` : undefined;
    if (reply !== undefined) sent.set(reply, message);
    nats.publish(message.subject, message.payload, { headers, reply });
  }
  // Messages are read in order: the answer to the last one follows all others.
  for (const { subject } of [AuthVerify, RoomsJoin, HistoryRead]) {
    await nats.request(subject, "the end", { timeout: SETTLE_MS, noMux: true });
  }
  await nats.close();
  return undocumented;
}

/**
 * Sends parts over one TCP connection and returns what comes back. `first` is how long the first bytes may
 * take, milliseconds: nothing may come at all, where a request is incomplete.
 */
async function exchange(
  port: number,
  parts: readonly Uint8Array[],
  first = READ_MS,
): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const close = () => {
    try {
      connection.close();
    } catch {
      // Closed before.
    }
  };
  let timer = setTimeout(close, first);
  let answer = "";
  try {
    for (const part of parts) await connection.write(part);
    const buffer = new Uint8Array(16_384);
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) break;
      if (answer === "") {
        clearTimeout(timer);
        timer = setTimeout(close, READ_MS);
      }
      answer += new TextDecoder().decode(buffer.subarray(0, count));
      // Headers are enough: what follows them is not judged.
      if (answer.includes("\r\n\r\n") && parts.length === 1) break;
    }
  } catch {
    // Reset, or closed by the timer.
  }
  clearTimeout(timer);
  close();
  return answer;
}

/** Runs an attack for each item, many at a time: most wait for an answer that never comes. Returns what is not null. */
async function inParallel<T>(
  items: readonly T[],
  attack: (item: T) => Promise<string | null>,
): Promise<string[]> {
  const found: string[] = [];
  const queue = items.values();
  await Promise.all(Array.from({ length: PARALLEL }, async () => {
    for (const item of queue) {
      const wrong = await attack(item);
      if (wrong !== null) found.push(wrong);
    }
  }));
  return found;
}
