/**
 * The WebSocket transport: npm ws speaks the protocol, sessions know nothing of it.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { type WebSocket, WebSocketServer } from "ws";
import { type CloseName, CLOSES, MAX_FRAME_BYTES } from "../../contract/mod.ts";
import type { Batch } from "../wire/batch.ts";
import { CLOSE_TIMEOUT_MS, type Connection, type Connections } from "./connections.ts";
import { type Frame, PING_FRAME } from "../wire/frame.ts";
import { chooseProtocol, originAllowed, tokenOf } from "./handshake.ts";
import { Outbox } from "../wire/outbox.ts";
import type { Peer } from "../session/peer.ts";
import type { Session } from "../session/session.ts";
import type { TransportDeps } from "./transport_deps.ts";

/** The path that upgrades. */
const PATH = "/ws";

/** Where a socket keeps its peer: handlers of the module find it there, and no closures are needed. */
const PEER = Symbol("peer");
type OwnedSocket = WebSocket & { [PEER]: WebSocketPeer };

/** A session's socket. */
class WebSocketPeer implements Peer, Connection {
  readonly #ws: WebSocket;
  readonly #deps: TransportDeps;
  readonly outbox: Outbox;
  readonly session: Session;
  pinged = false;
  #lastSeen = performance.now();
  #paused = false;

  constructor(ws: WebSocket, socket: Duplex, deps: TransportDeps) {
    this.#ws = ws;
    this.#deps = deps;
    this.outbox = new Outbox(socket, deps.flushes, deps.config.SEND_BUFFER_BYTES, this);
    this.session = deps.openSession(this, this.#lastSeen);
  }

  get connections(): Connections {
    return this.#deps.connections;
  }

  overflowed(): void {
    this.#deps.stats.slowConsumers++;
    this.session.close("slow_consumer");
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
    this.seen();
    this.#ws.resume();
  }

  silence(now: number): number {
    return this.#paused ? 0 : now - this.#lastSeen;
  }

  ping(): void {
    this.send(PING_FRAME);
  }

  close(name: CloseName): void {
    this.outbox.close();
    const { code, reason } = CLOSES[name];
    // A paused socket would never read the client's answer.
    this.#ws.resume();
    this.#ws.close(code, reason);
  }

  /** Something has come from the client. */
  seen(): void {
    this.#lastSeen = performance.now();
    this.pinged = false;
  }
}

/** Serves `/ws` on an HTTP server. */
export function serveWebSocket(server: Server, deps: TransportDeps): void {
  const { config, connections } = deps;
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

  const opened = (ws: WebSocket, socket: Duplex, request: IncomingMessage) => {
    const peer = new WebSocketPeer(ws, socket, deps);
    const { session } = peer;
    (ws as OwnedSocket)[PEER] = peer;
    ws.on("message", received);
    ws.on("pong", seen);
    ws.on("ping", seen);
    ws.on("error", failed);
    ws.on("close", closed);
    connections.add(peer);
    if (!originAllowed(request.headers.origin, request.headers.host, config.ALLOWED_ORIGINS)) {
      return session.close("origin_refused");
    }
    const token = tokenOf(request, config.TOKEN_IN_QUERY);
    if (token !== undefined) void session.authenticate(token);
  };

  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", destroy);
    const path = URL.parse(request.url ?? "", "http://gateway")?.pathname;
    if (path !== PATH) return refuseUpgrade(socket, "404 Not Found");
    if (connections.full) return refuseUpgrade(socket, "503 Service Unavailable");
    wss.handleUpgrade(request, socket, head, (ws) => opened(ws, socket, request));
  });
}

function received(this: WebSocket, data: Buffer, isBinary: boolean): void {
  const peer = (this as OwnedSocket)[PEER];
  peer.seen();
  if (isBinary) peer.session.close("binary");
  else peer.session.receive(data.toString());
}

function closed(this: WebSocket): void {
  const peer = (this as OwnedSocket)[PEER];
  peer.connections.remove(peer);
}

function seen(this: WebSocket): void {
  (this as OwnedSocket)[PEER].seen();
}

/** ws has closed the socket with the fitting code (1007, 1009, 1002) when it reports one. */
function failed(this: WebSocket): void {
  (this as OwnedSocket)[PEER].session.disconnected();
}

/** Of the module, not of the upgrade: a closure there would keep the whole request. */
function destroy(this: Duplex): void {
  this.destroy();
}

function refuseUpgrade(socket: Duplex, status: string): void {
  // The client may never close its side.
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
