/**
 * The WebSocket transport. npm ws handles the protocol; fan-out writes prepared frames directly to the
 * socket.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { IncomingMessage, Server } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { type WebSocket, WebSocketServer } from "ws";
import { type CloseName, CLOSES, MAX_FRAME_BYTES } from "../../contract/mod.ts";
import type { Peer } from "../session/peer.ts";
import type { Session } from "../session/session.ts";
import type { Batch } from "../wire/batch.ts";
import { type Frame, PING_FRAME } from "../wire/frame.ts";
import { Outbox } from "../wire/outbox.ts";
import { CLOSE_TIMEOUT_MS, type Connection, type Connections } from "./connections.ts";
import { chooseProtocol, originAllowed, tokenOf } from "./handshake.ts";
import { endReceiversOnce } from "./receiver.ts";
import { refusedOrigins } from "./refused_origin_log.ts";
import type { TransportDeps } from "./transport_deps.ts";

/** The path that accepts WebSocket upgrades. */
const PATH = "/ws";

/** A socket's reference to its peer. With it all sockets share their event handlers: no closures. */
const PEER = Symbol("peer");
type OwnedSocket = WebSocket & { [PEER]: WebSocketPeer };

/** One WebSocket connection. */
class WebSocketPeer implements Peer, Connection {
  readonly #ws: WebSocket;
  readonly #deps: TransportDeps;
  readonly outbox: Outbox;
  readonly session: Session;
  readonly transport = "websocket";
  readonly address: string;
  closeCode: number | undefined = undefined;
  pinged = false;
  #lastActivity = performance.now();
  #paused = false;

  constructor(ws: WebSocket, socket: Duplex, deps: TransportDeps, address: string) {
    this.#ws = ws;
    this.address = address;
    this.#deps = deps;
    const { flushes, config, memory } = deps;
    this.outbox = new Outbox(socket, flushes, config.SEND_BUFFER_BYTES, this, memory);
    this.session = deps.openSession(this, this.#lastActivity);
  }

  get connections(): Connections {
    return this.#deps.connections;
  }

  overflowed(): void {
    this.#deps.stats.slowConsumers++;
    this.session.close("slow_consumer");
  }

  get owner(): string {
    return this.session.allowance.account.key;
  }

  get owed(): number {
    return this.outbox.queuedBytes + this.session.owed;
  }

  evict(): void {
    this.#deps.stats.slowConsumers++;
    this.drop("slow_consumer");
  }

  drop(name: CloseName): void {
    this.outbox.discard();
    this.session.close(name);
    // What the socket itself holds would wait for a client that does not read.
    setImmediate(() => this.#ws.terminate());
  }

  send(frame: Frame): void {
    this.outbox.push(frame);
  }

  sendBatch(batch: Batch): void {
    this.outbox.pushBatch(batch);
  }

  get skipsDroppable(): boolean {
    return this.outbox.skipsDroppable;
  }

  get congested(): boolean {
    return this.outbox.congested;
  }

  drained(): Promise<void> {
    return this.outbox.drained();
  }

  pause(): void {
    this.#paused = true;
    this.#ws.pause();
  }

  resume(): void {
    this.#paused = false;
    this.noteActivity();
    this.#ws.resume();
  }

  silence(now: number): number {
    return this.#paused ? 0 : now - this.#lastActivity;
  }

  ping(): void {
    this.send(PING_FRAME);
  }

  close(name: CloseName): void {
    this.outbox.close();
    const { code, reason } = CLOSES[name];
    this.closeCode = code;
    // A paused socket would never read the client's close frame.
    this.#ws.resume();
    this.#ws.close(code, reason);
  }

  /** Records a sign of life from the client. */
  noteActivity(): void {
    this.#lastActivity = performance.now();
    this.pinged = false;
  }
}

/** Accepts WebSocket connections at `/ws` of an HTTP server. */
export function serveWebSocket(server: Server | TlsServer, deps: TransportDeps): void {
  const { config, connections } = deps;
  endReceiversOnce();
  const wss = new WebSocketServer(
    {
      noServer: true,
      perMessageDeflate: false,
      maxPayload: MAX_FRAME_BYTES,
      clientTracking: false,
      handleProtocols: chooseProtocol,
      closeTimeout: CLOSE_TIMEOUT_MS,
    } as ConstructorParameters<typeof WebSocketServer>[0],
  );

  const onOpen = (
    ws: WebSocket,
    socket: Duplex,
    request: IncomingMessage,
    token: string | undefined,
    address: string,
  ) => {
    const peer = new WebSocketPeer(ws, socket, deps, address);
    const { session } = peer;
    (ws as OwnedSocket)[PEER] = peer;
    ws.on("message", onMessage);
    ws.on("pong", onActivity);
    ws.on("ping", onActivity);
    ws.on("error", onError);
    ws.on("close", onClose);
    connections.add(peer);
    const { origin, host } = request.headers;
    if (!originAllowed(origin, host, config.ALLOWED_ORIGINS)) {
      deps.failures.origin++;
      refusedOrigins.warn(deps.bus.log, origin, peer.address);
      session.close("origin_refused");
      return socket.uncork();
    }
    if (token === undefined) return;
    void session.authenticate(token).then(() => deps.flushes.addOutbox(new HeldAnswer(socket)));
  };

  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", destroy);
    // Only a request for this path may make others give way.
    const ours = isPath(request.url ?? "");
    const address = ours ? deps.addresses.of(request) : "";
    const refused = ours ? connections.admit(address) : null;
    const refusal = !ours
      ? "404 Not Found"
      : refused === "address"
      ? "429 Too Many Requests"
      : refused === "full"
      ? "503 Service Unavailable"
      : undefined;
    if (refusal !== undefined) {
      deps.failures.refused++;
      return refuseUpgrade(socket, refusal);
    }
    const token = tokenOf(request, config.TOKEN_IN_QUERY);
    if (token !== undefined) socket.cork();
    wss.handleUpgrade(request, socket, head, (ws) => onOpen(ws, socket, request, token, address));
  });
}

/** Whether a request is for {@link PATH}. URLs are parsed only where they are written unusually. */
function isPath(url: string): boolean {
  if (url === PATH || url.startsWith(`${PATH}?`)) return true;
  return URL.parse(url, "http://gateway")?.pathname === PATH;
}

/**
 * The answer to a handshake that carries a token. It waits for the token's verification, 4 s at most, and
 * leaves in one write with the frame that tells the result. In a storm of joins each client then takes 20
 * of 210 us less on the gateway's thread.
 */
class HeldAnswer {
  readonly #socket: Duplex;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** Runs after the outbox of the socket, which was queued before. */
  flush(): void {
    this.#socket.uncork();
  }
}

function onMessage(this: WebSocket, data: Buffer, isBinary: boolean): void {
  const peer = (this as OwnedSocket)[PEER];
  peer.noteActivity();
  if (isBinary) peer.session.close("binary");
  else peer.session.receive(data.toString(), data.length);
}

function onClose(this: WebSocket, code: number): void {
  const peer = (this as OwnedSocket)[PEER];
  // Whoever began to close chose the code.
  peer.closeCode ??= code;
  peer.connections.remove(peer);
}

function onActivity(this: WebSocket): void {
  (this as OwnedSocket)[PEER].noteActivity();
}

/** When ws reports an error, it has closed the socket with the right code (1007, 1009 or 1002). */
function onError(this: WebSocket): void {
  (this as OwnedSocket)[PEER].session.disconnected();
}

/** At module level, because a closure inside the upgrade handler would keep the request in memory. */
function destroy(this: Duplex): void {
  this.destroy();
}

/** Answers an upgrade with an HTTP status and closes the socket. */
function refuseUpgrade(socket: Duplex, status: string): void {
  // Destroyed here, because the client may never close its side.
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
