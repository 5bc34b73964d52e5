/**
 * The WebSocket transport. Usual handshakes over plain TCP take the direct way; npm ws handles the
 * protocol for all others.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { IncomingMessage, Server } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { WebSocket, WebSocketServer } from "ws";
import { MAX_FRAME_BYTES } from "../../contract/mod.ts";
import { CLOSE_TIMEOUT_MS } from "./connections.ts";
import { DirectSocket } from "./direct/direct_socket.ts";
import { upgradeAnswer, type UpgradeHead } from "./direct/upgrade_head.ts";
import type { DirectUpgrades } from "./direct/upgrades.ts";
import { chooseProtocol, type HandshakeRequest, originAllowed, tokenOf } from "./handshake.ts";
import { endReceiversOnce } from "./receiver.ts";
import { refusedOrigins } from "./refused_origin_log.ts";
import type { TransportDeps } from "./transport_deps.ts";
import { controlFrame, FIN_PONG } from "../wire/frame.ts";
import type { WebSocketLink } from "./websocket_link.ts";
import { WebSocketPeer } from "./websocket_peer.ts";

/** The path that accepts WebSocket upgrades. */
const PATH = "/ws";

/** A socket's reference to its peer. With it all sockets share their event handlers: no closures. */
const PEER = Symbol("peer");
type OwnedSocket = GatewayWebSocket & { [PEER]: WebSocketPeer };

/**
 * A WebSocket of ws that writes what is queued before its close frame, which ws may send by itself, and
 * tells what it holds.
 */
class GatewayWebSocket extends WebSocket implements WebSocketLink {
  declare [PEER]?: WebSocketPeer;
  // What ws does not list among its types: the bytes that it has not read, and those of earlier fragments.
  declare _receiver?: { _bufferedBytes: number; _messageLength: number };

  get held(): number {
    const receiver = this._receiver;
    return receiver === undefined ? 0 : receiver._bufferedBytes + receiver._messageLength;
  }

  override close(code?: number, data?: string | Buffer): void {
    this[PEER]?.closing();
    super.close(code, data);
  }
}

/**
 * Accepts WebSocket connections at `/ws` of an HTTP server. `direct` is the server's direct way for plain
 * TCP; null if it has none.
 */
export function serveWebSocket(
  server: Server | TlsServer,
  direct: DirectUpgrades | null,
  deps: TransportDeps,
): void {
  endReceiversOnce();
  const wss = new WebSocketServer(
    {
      noServer: true,
      perMessageDeflate: false,
      maxPayload: MAX_FRAME_BYTES,
      clientTracking: false,
      handleProtocols: chooseProtocol,
      closeTimeout: CLOSE_TIMEOUT_MS,
      autoPong: false,
      WebSocket: GatewayWebSocket,
    } as ConstructorParameters<typeof WebSocketServer>[0],
  );

  const onOpen = (
    ws: GatewayWebSocket,
    socket: Duplex,
    request: IncomingMessage,
    address: string,
  ) => {
    const peer = new WebSocketPeer(ws, socket, deps, address);
    (ws as OwnedSocket)[PEER] = peer;
    ws.on("message", onMessage);
    ws.on("pong", onPong);
    ws.on("ping", onPing);
    ws.on("error", onError);
    ws.on("close", onClose);
    return begin(peer, request, deps);
  };

  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", destroy);
    // Only a request for this path may make others give way.
    const ours = isPath(request.url ?? "");
    const address = ours ? deps.addresses.of(request) : "";
    const refusal = ours ? refusalOf(address, deps) : "404 Not Found";
    if (refusal !== null) {
      deps.failures.refused++;
      return refuseUpgrade(socket, refusal);
    }
    if (tokenOf(request, deps.config.TOKEN_IN_QUERY) !== undefined) socket.cork();
    wss.handleUpgrade(request, socket, head, (ws) => {
      void onOpen(ws as GatewayWebSocket, socket, request, address)
        .then(() => deps.flushes.addOutbox(new HeldAnswer(socket)));
    });
  });

  if (direct === null) return;
  direct.accept = (head, socket, first) => {
    if (!isPath(head.url)) return false;
    acceptDirectly(head, socket, first, deps);
    return true;
  };
}

/** Opens a connection directly on its socket, or refuses it. */
function acceptDirectly(
  head: UpgradeHead,
  socket: Socket,
  first: Buffer,
  deps: TransportDeps,
): void {
  const request: HandshakeRequest = { url: head.url, headers: head.headers, socket };
  const address = deps.addresses.of(request);
  const refusal = refusalOf(address, deps);
  if (refusal !== null) {
    deps.failures.refused++;
    socket.on("error", destroy);
    return refuseUpgrade(socket, refusal);
  }
  const link = new DirectSocket(socket);
  const peer = new WebSocketPeer(link, socket, deps, address);
  peer.outbox.hold(encoder.encode(upgradeAnswer(head, chooseProtocol(head.protocols))));
  void begin(peer, request, deps).then(() => deps.flushes.addOutbox(peer.outbox));
  link.open(peer, first);
}

const encoder = new TextEncoder();

/**
 * Registers a connection, and authenticates it if its request has a token. Resolves when the answer to
 * the handshake may leave: with a token it waits for the verification, 4 s at most, and leaves in one
 * write with the frame that tells the result. In a storm of joins each client then takes 20 of 210 us
 * less on the gateway's thread. Never rejects.
 */
async function begin(
  peer: WebSocketPeer,
  request: HandshakeRequest,
  deps: TransportDeps,
): Promise<void> {
  const { config } = deps;
  const { session } = peer;
  deps.connections.add(peer);
  const { origin, host } = request.headers;
  if (!originAllowed(origin, host, config.ALLOWED_ORIGINS)) {
    deps.failures.origin++;
    refusedOrigins.warn(deps.bus.log, origin, peer.address);
    return session.close("origin_refused");
  }
  const token = tokenOf(request, config.TOKEN_IN_QUERY);
  if (token !== undefined) await session.authenticate(token);
}

/** Returns the status that refuses a connection from this address; null if it may open one. */
function refusalOf(address: string, { connections }: TransportDeps): string | null {
  switch (connections.admit(address)) {
    case "address":
      return "429 Too Many Requests";
    case "full":
      return "503 Service Unavailable";
    case null:
      return null;
  }
}

/** Whether a request is for {@link PATH}. URLs are parsed only where they are written unusually. */
function isPath(url: string): boolean {
  if (url === PATH || url.startsWith(`${PATH}?`)) return true;
  return URL.parse(url, "http://gateway")?.pathname === PATH;
}

/** The answer to a handshake with a token, in a corked socket. See {@link begin}. */
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
  if (isBinary) peer.binary();
  else peer.text(data.toString(), data.length);
}

function onClose(this: WebSocket, code: number): void {
  (this as OwnedSocket)[PEER].closed(code);
}

function onPing(this: WebSocket, payload: Buffer): void {
  (this as OwnedSocket)[PEER].answer(controlFrame(FIN_PONG, payload));
}

function onPong(this: WebSocket): void {
  (this as OwnedSocket)[PEER].pong();
}

/** When ws reports an error, it has closed the socket with the right code (1007, 1009 or 1002). */
function onError(this: WebSocket): void {
  (this as OwnedSocket)[PEER].failed();
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
