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
import { type CloseName, CLOSES, MAX_FRAME_BYTES } from "../contract/mod.ts";
import type { Batch } from "./batch.ts";
import type { Edge } from "./edge.ts";
import { type Frame, PING_FRAME } from "./frame.ts";
import { chooseProtocol, originAllowed, tokenOf } from "./handshake.ts";
import { Outbox } from "./outbox.ts";
import { type Peer, Session } from "./session.ts";

/** The path that upgrades. */
const PATH = "/ws";

/** How long a client may take to answer a close before its socket is destroyed, milliseconds. */
const CLOSE_TIMEOUT_MS = 5_000;

/** How often sessions and sockets are looked at, milliseconds. */
const TICK_MS = 1_000;

/** Where a socket keeps its peer: handlers of the module find it there, and no closures are needed. */
const PEER = Symbol("peer");
type OwnedSocket = WebSocket & { [PEER]: WebSocketPeer };

/** A session's socket. */
class WebSocketPeer implements Peer {
  readonly #ws: WebSocket;
  readonly #edge: Edge;
  readonly outbox: Outbox;
  readonly session: Session;
  pinged = false;
  #lastSeen = performance.now();
  #paused = false;

  constructor(ws: WebSocket, socket: Duplex, edge: Edge, id: string) {
    this.#ws = ws;
    this.#edge = edge;
    this.outbox = new Outbox(socket, edge.flushes, edge.config.SEND_BUFFER_BYTES, this);
    this.session = new Session(id, this, edge, this.#lastSeen);
  }

  overflowed(): void {
    this.#edge.stats.slowConsumers++;
    this.session.close("slow_consumer");
  }

  send(frame: Frame): void {
    this.outbox.push(frame);
  }

  sendBatch(batch: Batch): void {
    this.outbox.pushBatch(batch);
  }

  get dropping(): boolean {
    return this.outbox.dropping;
  }

  get behind(): boolean {
    return this.outbox.behind;
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

  /** How long nothing has come from the client though we read, milliseconds. */
  silence(now: number): number {
    return this.#paused ? 0 : now - this.#lastSeen;
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

/** Serves `/ws` on an HTTP server. Gives back how it comes to an end. */
export function serveWebSocket(
  server: Server,
  edge: Edge,
  newId: () => string,
): { stopReading(): void; drain(): Promise<void> } {
  const { config } = edge;
  const peers = new Set<WebSocketPeer>();
  let draining = false;
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

  function closed(this: WebSocket): void {
    const peer = (this as OwnedSocket)[PEER];
    peer.session.ended();
    peers.delete(peer);
    edge.stats.connections = peers.size;
  }

  const opened = (ws: WebSocket, socket: Duplex, request: IncomingMessage) => {
    const peer = new WebSocketPeer(ws, socket, edge, newId());
    const { session } = peer;
    (ws as OwnedSocket)[PEER] = peer;
    ws.on("message", received);
    ws.on("pong", seen);
    ws.on("ping", seen);
    ws.on("error", failed);
    ws.on("close", closed);
    peers.add(peer);
    edge.sessions.add(session);
    edge.stats.connected++;
    edge.stats.connections = peers.size;
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
    if (draining || peers.size >= config.MAX_CONNECTIONS) {
      return refuseUpgrade(socket, "503 Service Unavailable");
    }
    wss.handleUpgrade(request, socket, head, (ws) => opened(ws, socket, request));
  });

  const timer = setInterval(() => {
    const now = performance.now();
    const wallClock = Date.now();
    for (const peer of peers) {
      const { session } = peer;
      session.tick(now, wallClock);
      const silent = peer.silence(now);
      if (session.closed || silent < config.PING_INTERVAL_MS) continue;
      if (silent >= config.PING_INTERVAL_MS + config.PONG_TIMEOUT_MS) session.close("no_pong");
      else if (!peer.pinged) {
        peer.pinged = true;
        peer.send(PING_FRAME);
      }
    }
  }, Math.min(TICK_MS, config.PING_INTERVAL_MS, config.AUTH_DEADLINE_MS));

  return {
    /** Takes nothing more from anybody, so that what is under way comes to an end. */
    stopReading() {
      draining = true;
      for (const peer of peers) peer.pause();
    },
    /** Takes no new connection, tells everybody to come back elsewhere, and closes them. */
    async drain() {
      draining = true;
      clearInterval(timer);
      const closing = [...peers].map(({ session }) => session);
      for (const session of closing) {
        // Spread over a second and a half, so that not all come back at once.
        session.send({ type: "reconnect", after: Math.floor(Math.random() * 1_500) });
        session.close("draining");
      }
      const end = performance.now() + CLOSE_TIMEOUT_MS;
      while (peers.size > 0 && performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

function received(this: WebSocket, data: Buffer, isBinary: boolean): void {
  const peer = (this as OwnedSocket)[PEER];
  peer.seen();
  if (isBinary) peer.session.close("binary");
  else peer.session.receive(data.toString());
}

function seen(this: WebSocket): void {
  (this as OwnedSocket)[PEER].seen();
}

/** ws has closed the socket with the fitting code (1007, 1009, 1002) when it reports one. */
function failed(this: WebSocket): void {
  (this as OwnedSocket)[PEER].session.ended();
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
