/**
 * Reads the origin, the token and the sub-protocol from the request that opens a connection.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { MAX_TOKEN_LENGTH } from "../../contract/mod.ts";

/** The request that opens a connection, as far as the gateway looks at it. */
export type HandshakeRequest = Pick<IncomingMessage, "url" | "headers" | "socket">;

/** The name of the sub-protocol. */
const PROTOCOL = "hopwire.v1";

/** Prefix of a token among the offered sub-protocols: browsers cannot set headers on a WebSocket. */
const BEARER = "bearer.";

/**
 * Returns whether a page of this origin may connect. `allowed` holds origins, or `*` for all. A page
 * from the gateway's own host is always allowed. So is a request without an Origin header: browsers
 * send one with every WebSocket handshake and every cross-origin request.
 *
 * @example
 * ```ts
 * import { originAllowed } from "./handshake.ts";
 * import assert from "node:assert/strict";
 * assert.equal(originAllowed(undefined, "chat.example", []), true);
 * assert.equal(originAllowed("https://chat.example", "chat.example", []), true);
 * assert.equal(originAllowed("https://evil.example", "chat.example", []), false);
 * assert.equal(originAllowed("https://app.example", "chat.example", ["https://app.example"]), true);
 * ```
 */
export function originAllowed(
  origin: string | undefined,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (origin === undefined || allowed.includes("*") || allowed.includes(origin)) return true;
  const url = URL.parse(origin);
  return url !== null && host !== undefined && url.host === host.toLowerCase();
}

/**
 * Returns the token of a request, if it has one: from the Authorization header, the offered
 * sub-protocols, or, with `inQuery`, from `?token=`. A token above the maximum length is truncated to
 * one character more than that, so that auth refuses it.
 */
export function tokenOf(request: HandshakeRequest, inQuery: boolean): string | undefined {
  const authorization = request.headers.authorization;
  if (authorization !== undefined && /^bearer /i.test(authorization)) {
    return truncateToken(authorization.slice(7).trim());
  }
  for (const protocol of protocolsOf(request)) {
    if (protocol.startsWith(BEARER)) return truncateToken(protocol.slice(BEARER.length));
  }
  if (!inQuery) return undefined;
  return truncateToken(
    URL.parse(request.url ?? "", "http://gateway")?.searchParams.get("token") ?? "",
  );
}

/** Returns the sub-protocol to answer with: `hopwire.v1`, or the first that is no token; false if none. */
export function chooseProtocol(offered: Set<string>): string | false {
  if (offered.has(PROTOCOL)) return PROTOCOL;
  for (const protocol of offered) if (!protocol.startsWith(BEARER)) return protocol;
  return false;
}

function protocolsOf(request: HandshakeRequest): string[] {
  const header = request.headers["sec-websocket-protocol"];
  return header === undefined ? [] : header.split(",").map((part) => part.trim());
}

/** Truncates a token that is too long. Returns undefined for an empty one. */
function truncateToken(token: string): string | undefined {
  return token === "" ? undefined : token.slice(0, MAX_TOKEN_LENGTH + 1);
}
