/**
 * The HTTP transports, for networks that block WebSocket. Clients receive frames by `GET /sse` or
 * `POST /poll` and send frames by `POST /send`. A request may reach any gateway: one that does not hold
 * the session forwards the request.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { describeIssue, gatewayOfSession, PollHead, SendHead } from "../../contract/mod.ts";
import { errorText } from "../../kit/mod.ts";
import { createForwarding, type Forwarding } from "./forwarding.ts";
import { originAllowed, tokenOf } from "./handshake.ts";
import { type HttpAnswer, NO_CONTENT, refusal, type RequestKind } from "./http_answer.ts";
import { readBody } from "./http_body.ts";
import type { HttpPeer } from "./http_peer.ts";
import { PollPeer } from "./poll_peer.ts";
import { refusedOrigins } from "./refused_origin_log.ts";
import { SsePeer } from "./sse_peer.ts";
import type { TransportDeps } from "./transport_deps.ts";

/**
 * Of this many connections (MAX_CONNECTIONS) one may be a polling session that has not authenticated.
 * Such a session costs its client no open socket, so without a limit one client could take every place.
 */
const CONNECTIONS_PER_UNAUTHENTICATED = 10;

/** The paths that {@link HttpTransport} serves. */
export const HTTP_PATHS = ["/sse", "/poll", "/send"];

/** See the module's doc. One per gateway. */
export class HttpTransport {
  readonly #deps: TransportDeps;
  /** The connections of this gateway, by session key. */
  readonly #peers = new Map<string, HttpPeer>();
  readonly #forwarding: Forwarding;
  /** Polling sessions that had not authenticated when they were last counted. */
  readonly #unauthenticated = new Set<HttpPeer>();
  readonly #maxUnauthenticated: number;

  constructor(deps: TransportDeps) {
    this.#deps = deps;
    this.#maxUnauthenticated = Math.ceil(
      deps.config.MAX_CONNECTIONS / CONNECTIONS_PER_UNAUTHENTICATED,
    );
    this.#forwarding = createForwarding(deps, (kind, body) => this.#answerLocally(kind, body));
  }

  /** Answers one request to one of {@link HTTP_PATHS}. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { origin, host } = request.headers;
    response.setHeader("vary", "Origin");
    response.setHeader("cache-control", "no-store");
    if (!originAllowed(origin, host, this.#deps.config.ALLOWED_ORIGINS)) {
      this.#deps.failures.origin++;
      refusedOrigins.warn(this.#deps.bus.log, origin, this.#deps.addresses.of(request));
      // Nobody reads its body.
      response.setHeader("connection", "close");
      return end(response, refusal("forbidden", "this origin"));
    }
    if (origin !== undefined) response.setHeader("access-control-allow-origin", origin);
    const path = pathOf(request);
    const method = path === "/sse" ? "GET" : "POST";
    if (request.method === "OPTIONS") {
      response.setHeader("access-control-allow-methods", method);
      response.setHeader("access-control-allow-headers", "authorization, content-type");
      response.setHeader("access-control-max-age", "86400");
      return end(response, NO_CONTENT);
    }
    if (request.method !== method) {
      response.setHeader("allow", `${method}, OPTIONS`);
      response.setHeader("connection", "close");
      return end(response, { ...refusal("invalid_format", `expected ${method}`), status: 405 });
    }
    try {
      if (path === "/sse") return this.#openStream(request, response);
      const body = await readBody(request);
      if (body === null) return;
      if ("refused" in body) {
        response.setHeader("connection", "close");
        return end(response, body.refused);
      }
      const kind = path === "/send" ? "send" : "poll";
      end(response, await this.#answer(kind, body.text, request));
    } catch (error) {
      this.#deps.bus.log.warn("an HTTP request failed", { path, error: errorText(error) });
      end(response, refusal("unavailable"));
    }
  }

  /** Stops answering the requests that other gateways forward. */
  close(): void {
    this.#forwarding.close();
  }

  #openStream(request: IncomingMessage, response: ServerResponse): void {
    const refused = this.#refusalOf(request);
    if (refused !== null) return end(response, refused);
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      // Without it nginx holds events back until its buffer is full.
      "x-accel-buffering": "no",
    });
    response.on("error", () => {});
    // The stream may be silent for long. Its own heartbeats find a dead client.
    request.socket.setTimeout(0);
    const address = this.#deps.addresses.of(request);
    this.#open(new SsePeer(response, request.socket, this.#deps, address), request);
  }

  /** What refuses a new connection; null if nothing does. */
  #refusalOf(request: IncomingMessage): HttpAnswer | null {
    switch (this.#deps.connections.admit(this.#deps.addresses.of(request))) {
      case "address":
        return refusal("rate_limited", "connections from this address");
      case "full":
        return refusal("unavailable", "too many connections");
      case null:
        return null;
    }
  }

  /** Registers a connection and authenticates it if the request carries a token. */
  #open(peer: HttpPeer, request: IncomingMessage): void {
    this.#peers.set(peer.key, peer);
    peer.onDisconnected = () => this.#peers.delete(peer.key);
    this.#deps.connections.add(peer);
    const token = tokenOf(request, this.#deps.config.TOKEN_IN_QUERY);
    if (token !== undefined) void peer.session.authenticate(token);
  }

  /** Opens a session for a poll without one. Answers other requests here or at the right gateway. */
  async #answer(kind: RequestKind, body: string, request: IncomingMessage): Promise<HttpAnswer> {
    const head = parseHead(kind, body);
    if (!head.success) return refusal("invalid_format", head.error);
    const { session } = head;
    if (session === undefined) {
      const refused = this.#refusalOf(request);
      if (refused !== null) return refused;
      if (this.#countUnauthenticated() >= this.#maxUnauthenticated) {
        return refusal("unavailable", "too many connections without a token");
      }
      const peer = new PollPeer(this.#deps, this.#deps.addresses.of(request));
      this.#open(peer, request);
      this.#unauthenticated.add(peer);
      const answer = peer.poll(0);
      // Answers the poll at once: the client needs the session key to authenticate.
      peer.ping();
      return { status: 200, body: await answer };
    }
    const gateway = gatewayOfSession(session);
    if (gateway === this.#deps.id) return await this.#answerLocally(kind, body);
    return await this.#forwarding.forward(gateway, kind, body);
  }

  /** Counts the unauthenticated polling sessions. Below the limit the count may be too high. */
  #countUnauthenticated(): number {
    const unauthenticated = this.#unauthenticated;
    if (unauthenticated.size < this.#maxUnauthenticated) return unauthenticated.size;
    for (const peer of unauthenticated) {
      if (peer.session.closed || peer.session.identity !== null) unauthenticated.delete(peer);
    }
    return unauthenticated.size;
  }

  /** Answers a request to a session that this gateway holds. */
  async #answerLocally(kind: RequestKind, body: string): Promise<HttpAnswer> {
    const head = parseHead(kind, body);
    if (!head.success) return refusal("invalid_format", head.error);
    const peer = this.#peers.get(head.session ?? "");
    if (peer === undefined) return refusal("session_not_found");
    if (kind === "poll") {
      if (!(peer instanceof PollPeer)) return refusal("invalid_format", "the session is a stream");
      return { status: 200, body: await peer.poll(head.number) };
    }
    const line = body.indexOf("\n");
    const result = await peer.receive(head.number, line < 0 ? "" : body.slice(line + 1));
    if (result === "accepted") return NO_CONTENT;
    if (result === "busy") return refusal("unavailable", "an earlier post is still waiting");
    if (result === "closed") return refusal("session_not_found");
    // The missing post will never arrive. The client opens a new session and resends.
    peer.session.close("unavailable");
    return refusal("session_not_found", "an earlier post is missing");
  }
}

/** The first line of a body: the session it is for, and the number of the post or acknowledged answer. */
type Head =
  | { success: true; session: string | undefined; number: number }
  | { success: false; error: string };

/** Parses the first line of a `send` body, or all of a `poll` body. */
function parseHead(kind: RequestKind, body: string): Head {
  const line = kind === "send" ? body.split("\n", 1)[0]! : body;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { success: false, error: "the first line is not JSON" };
  }
  const parsed = kind === "send" ? SendHead.safeParse(value) : PollHead.safeParse(value);
  if (!parsed.success) return { success: false, error: describeIssue(parsed.error) };
  const { data } = parsed;
  return { success: true, session: data.session, number: "n" in data ? data.n : data.after };
}

/** Returns the path of a request without its query. */
export function pathOf(request: IncomingMessage): string {
  const { url = "" } = request;
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}

/** Sends an answer, unless the response has begun or its client has disconnected. */
function end(response: ServerResponse, { status, body }: HttpAnswer): void {
  if (response.headersSent || response.destroyed) return;
  if (status !== 204) response.setHeader("content-type", "application/json");
  response.writeHead(status);
  response.end(body);
}
