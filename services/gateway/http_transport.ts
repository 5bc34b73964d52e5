/**
 * The way in where WebSocket is blocked: `GET /sse` or `POST /poll` for the way down, `POST /send` for
 * the way up. The gateway that a request reaches need not be the one that holds its session.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  describeIssue,
  gatewayOfSession,
  MAX_POST_BYTES,
  PollHead,
  SendHead,
} from "../contract/mod.ts";
import { errorText } from "../kit/mod.ts";
import type { Connections } from "./connections.ts";
import type { Edge } from "./edge.ts";
import { createForwarding, type Forwarding } from "./forwarding.ts";
import { type Answer, type Asked, NO_CONTENT, refusal } from "./http_answer.ts";
import { originAllowed, tokenOf } from "./handshake.ts";
import type { HttpPeer } from "./http_peer.ts";
import { PollPeer } from "./poll_peer.ts";
import { SsePeer } from "./sse_peer.ts";

/** The paths that {@link HttpTransport} serves. */
export const HTTP_PATHS = ["/sse", "/poll", "/send"];

/** See the module's doc. */
export class HttpTransport {
  readonly #edge: Edge;
  readonly #connections: Connections;
  readonly #peers = new Map<string, HttpPeer>();
  readonly #forwarding: Forwarding;

  constructor(edge: Edge, connections: Connections) {
    this.#edge = edge;
    this.#connections = connections;
    this.#forwarding = createForwarding(edge, (asked, body) => this.#local(asked, body));
  }

  /** Answers one request. Never throws. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { origin, host } = request.headers;
    response.setHeader("vary", "Origin");
    response.setHeader("cache-control", "no-store");
    response.setHeader("x-content-type-options", "nosniff");
    if (!originAllowed(origin, host, this.#edge.config.ALLOWED_ORIGINS)) {
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
      if (body === null) {
        return end(response, refusal("too_large", `more than ${MAX_POST_BYTES} bytes`));
      }
      const asked = path === "/send" ? "send" : "poll";
      end(response, await this.#answer(asked, body, request));
    } catch (error) {
      this.#edge.bus.log.warn("a request over HTTP failed", { path, error: errorText(error) });
      end(response, refusal("unavailable"));
    }
  }

  /** Takes no more requests of other gateways. */
  close(): void {
    this.#forwarding.close();
  }

  #openStream(request: IncomingMessage, response: ServerResponse): void {
    if (this.#connections.full) {
      return end(response, refusal("unavailable", "too many connections"));
    }
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      // nginx would keep the events until its buffer is full.
      "x-accel-buffering": "no",
    });
    response.on("error", () => {});
    this.#begin(new SsePeer(response, this.#edge, this.#connections), request);
  }

  #begin(peer: HttpPeer, request: IncomingMessage): void {
    this.#peers.set(peer.key, peer);
    peer.onGone = () => this.#peers.delete(peer.key);
    this.#connections.add(peer);
    const token = tokenOf(request, this.#edge.config.TOKEN_IN_QUERY);
    if (token !== undefined) void peer.session.authenticate(token);
  }

  async #answer(asked: Asked, body: string, request: IncomingMessage): Promise<Answer> {
    const head = headOf(asked, body);
    if (!head.success) return refusal("invalid_format", head.error);
    const { session } = head;
    if (session === undefined) {
      if (this.#connections.full) return refusal("unavailable", "too many connections");
      const peer = new PollPeer(this.#edge, this.#connections);
      this.#begin(peer, request);
      const answer = peer.poll(0);
      // With nothing but the key: the client has yet to say who it is.
      peer.ping();
      return { status: 200, body: await answer };
    }
    const gateway = gatewayOfSession(session);
    if (gateway === this.#edge.id) return await this.#local(asked, body);
    return await this.#forwarding.ask(gateway, asked, body);
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
    if (await peer.receive(head.number, line < 0 ? "" : body.slice(line + 1)) === "taken") {
      return NO_CONTENT;
    }
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

/** A request's body; null where it is larger than may be, or its client is gone. */
async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    // The rest is read and let go: an answer to a request that is half sent would not arrive.
    if (bytes <= MAX_POST_BYTES) parts.push(part);
    else parts.length = 0;
    if (bytes > MAX_POST_BYTES * 8) return null;
  }
  return bytes > MAX_POST_BYTES ? null : Buffer.concat(parts).toString();
}

function end(response: ServerResponse, { status, body }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  if (status !== 204) response.setHeader("content-type", "application/json");
  response.writeHead(status);
  response.end(body);
}
