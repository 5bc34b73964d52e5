/**
 * The way in where WebSocket is blocked: `GET /sse` or `POST /poll` for the way down, `POST /send` for
 * the way up. The gateway that a request reaches need not be the one that holds its session.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { describeIssue, gatewayOfSession, PollHead, SendHead } from "../../contract/mod.ts";
import { errorText } from "../../kit/mod.ts";
import { createForwarding, type Forwarding } from "./forwarding.ts";
import { type Answer, type Asked, NO_CONTENT, refusal } from "./http_answer.ts";
import { bodyOf } from "./http_body.ts";
import { originAllowed, tokenOf } from "./handshake.ts";
import type { HttpPeer } from "./http_peer.ts";
import { PollPeer } from "./poll_peer.ts";
import { SsePeer } from "./sse_peer.ts";
import type { TransportDeps } from "./transport_deps.ts";

/** The part of all connections that poll and have not said yet who they are: one in so many. */
const STRANGERS = 10;

/** The paths that {@link HttpTransport} serves. */
export const HTTP_PATHS = ["/sse", "/poll", "/send"];

/** See the module's doc. */
export class HttpTransport {
  readonly #deps: TransportDeps;
  readonly #peers = new Map<string, HttpPeer>();
  readonly #forwarding: Forwarding;
  readonly #unknown = new Set<HttpPeer>();
  readonly #maxStrangers: number;

  constructor(deps: TransportDeps) {
    this.#deps = deps;
    this.#maxStrangers = Math.ceil(deps.config.MAX_CONNECTIONS / STRANGERS);
    this.#forwarding = createForwarding(deps, (asked, body) => this.#local(asked, body));
  }

  /** Answers one request. Never throws. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { origin, host } = request.headers;
    response.setHeader("vary", "Origin");
    response.setHeader("cache-control", "no-store");
    response.setHeader("x-content-type-options", "nosniff");
    if (!originAllowed(origin, host, this.#deps.config.ALLOWED_ORIGINS)) {
      return end(response, refusal("forbidden", "the origin"));
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
      return end(response, { ...refusal("invalid_format", `expected ${method}`), status: 405 });
    }
    try {
      if (path === "/sse") return this.#openStream(request, response);
      const body = await bodyOf(request);
      if (body === null) return;
      if ("refused" in body) return end(response, body.refused);
      const asked = path === "/send" ? "send" : "poll";
      end(response, await this.#answer(asked, body.text, request));
    } catch (error) {
      this.#deps.bus.log.warn("a request over HTTP failed", { path, error: errorText(error) });
      end(response, refusal("unavailable"));
    }
  }

  /** Takes no more requests of other gateways. */
  close(): void {
    this.#forwarding.close();
  }

  #openStream(request: IncomingMessage, response: ServerResponse): void {
    if (this.#deps.connections.full) {
      return end(response, refusal("unavailable", "too many connections"));
    }
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      // nginx would keep the events until its buffer is full.
      "x-accel-buffering": "no",
    });
    response.on("error", () => {});
    this.#begin(new SsePeer(response, request.socket, this.#deps), request);
  }

  #begin(peer: HttpPeer, request: IncomingMessage): void {
    this.#peers.set(peer.key, peer);
    peer.onGone = () => this.#peers.delete(peer.key);
    this.#deps.connections.add(peer);
    const token = tokenOf(request, this.#deps.config.TOKEN_IN_QUERY);
    if (token !== undefined) void peer.session.authenticate(token);
  }

  async #answer(asked: Asked, body: string, request: IncomingMessage): Promise<Answer> {
    const head = headOf(asked, body);
    if (!head.success) return refusal("invalid_format", head.error);
    const { session } = head;
    if (session === undefined) {
      if (this.#deps.connections.full) return refusal("unavailable", "too many connections");
      if (this.#strangers() >= this.#maxStrangers) {
        return refusal("unavailable", "too many connections without a token");
      }
      const peer = new PollPeer(this.#deps);
      this.#begin(peer, request);
      this.#unknown.add(peer);
      const answer = peer.poll(0);
      // With nothing but the key: the client has yet to say who it is.
      peer.ping();
      return { status: 200, body: await answer };
    }
    const gateway = gatewayOfSession(session);
    if (gateway === this.#deps.id) return await this.#local(asked, body);
    return await this.#forwarding.ask(gateway, asked, body);
  }

  /** Sessions begun by a poll that have not said yet who they are. They cost their client no socket. */
  #strangers(): number {
    if (this.#unknown.size < this.#maxStrangers) return this.#unknown.size;
    for (const peer of this.#unknown) {
      if (peer.session.closed || peer.session.identity !== null) this.#unknown.delete(peer);
    }
    return this.#unknown.size;
  }

  async #local(asked: Asked, body: string): Promise<Answer> {
    const head = headOf(asked, body);
    if (!head.success) return refusal("invalid_format", head.error);
    const peer = this.#peers.get(head.session ?? "");
    if (peer === undefined) return refusal("session_not_found");
    if (asked === "poll") {
      if (!(peer instanceof PollPeer)) return refusal("invalid_format", "the session is a stream");
      return { status: 200, body: await peer.poll(head.number) };
    }
    const line = body.indexOf("\n");
    const taken = await peer.receive(head.number, line < 0 ? "" : body.slice(line + 1));
    if (taken === "taken") return NO_CONTENT;
    if (taken === "busy") return refusal("unavailable", "a post before this one is not taken yet");
    if (taken === "closed") return refusal("session_not_found");
    // What is missing will never come: the client begins anew, and loses nothing by it.
    peer.session.close("unavailable");
    return refusal("session_not_found", "a post before this one is missing");
  }
}

type Head =
  | { success: true; session: string | undefined; number: number }
  | { success: false; error: string };

/** What stands in the first line of a body (in all of it, of a poll). */
function headOf(asked: Asked, body: string): Head {
  const line = asked === "send" ? body.split("\n", 1)[0]! : body;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { success: false, error: "the first line is not JSON" };
  }
  const parsed = asked === "send" ? SendHead.safeParse(value) : PollHead.safeParse(value);
  if (!parsed.success) return { success: false, error: describeIssue(parsed.error) };
  const { data } = parsed;
  return { success: true, session: data.session, number: "n" in data ? data.n : data.after };
}

/** The path of a request, without its query. */
export function pathOf(request: IncomingMessage): string {
  const { url = "" } = request;
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}

function end(response: ServerResponse, { status, body }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  if (status !== 204) response.setHeader("content-type", "application/json");
  response.writeHead(status);
  response.end(body);
}
