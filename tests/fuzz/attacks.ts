/**
 * The attacks: each sends what it is given, waits for what the system makes of it, and returns answers
 * that the protocol does not document.
 *
 * @module
 */
import { connect, headers as createHeaders } from "@nats-io/transport-node";
import { CLOSES } from "../../services/contract/mod.ts";
import { connectClient, type TestClient } from "../harness/client.ts";
import { type System, tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { type BusMessage, ROOM, USER } from "./arbitraries.ts";

/** What a WebSocket may be closed with: our codes, and those of the WebSocket protocol itself. */
const CLOSE_CODES = new Set<number>([
  ...Object.values(CLOSES).map(({ code }) => code),
  1002,
  1005,
  1006,
]);

/** The statuses that PROTOCOL.md, or HTTP itself, has for what a gateway refuses. */
const STATUSES = new Set([
  ...[101, 200, 204, 304],
  ...[400, 401, 403, 404, 405, 408, 409, 410, 411, 413, 414, 415, 426, 429, 431],
  ...[501, 503, 505],
]);

/** Frames that one connection sends before it waits for the answers. */
const BURST = 50;

/** How long a raw connection is read, milliseconds; the system answers long before, or never. */
const READ_MS = 250;

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
    const answer = await exchange(port, [upgrade, payload]);
    return /^HTTP\/1\.1 (101|503|429) /.test(answer) ? null : `upgrade: ${answer.slice(0, 40)}`;
  });
}

/** Sends requests of HTTP, each on a connection of its own. */
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

/** Counts the requests on the bus. */
let requests = 0;

/** Publishes messages as somebody who may do everything on the bus. */
export async function attackByBus(
  system: System,
  messages: readonly BusMessage[],
): Promise<string[]> {
  const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
  for (const { subject, payload, headers: pairs, request } of messages) {
    const headers = createHeaders();
    for (const [name, value] of pairs) headers.append(name, value);
    // One that every service may answer, and each once.
    const reply = request ? `_INBOX.rooms.fuzz${requests++}` : undefined;
    nats.publish(subject, payload, { headers, reply });
  }
  await nats.flush();
  await nats.close();
  return [];
}

/** Sends parts over one TCP connection and returns what comes back. */
async function exchange(port: number, parts: readonly Uint8Array[]): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const timer = setTimeout(() => connection.close(), READ_MS);
  let answer = "";
  try {
    for (const part of parts) await connection.write(part);
    const buffer = new Uint8Array(16_384);
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) break;
      answer += new TextDecoder().decode(buffer.subarray(0, count));
      // Headers are enough: what follows them is not judged.
      if (answer.includes("\r\n\r\n") && parts.length === 1) break;
    }
  } catch {
    // Reset or closed by the timer.
  }
  clearTimeout(timer);
  try {
    connection.close();
  } catch {
    // Closed by the timer.
  }
  return answer;
}

/** Runs an attack for each item, sixteen at a time. Returns what is not null. */
async function inParallel<T>(
  items: readonly T[],
  attack: (item: T) => Promise<string | null>,
): Promise<string[]> {
  const found: string[] = [];
  const queue = items.values();
  await Promise.all(Array.from({ length: 16 }, async () => {
    for (const item of queue) {
      const wrong = await attack(item);
      if (wrong !== null) found.push(wrong);
    }
  }));
  return found;
}
