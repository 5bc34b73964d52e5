/**
 * What a WebSocket handshake carries beside itself: the origin, and maybe a token.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { MAX_TOKEN_LENGTH } from "../../contract/mod.ts";

/** The sub-protocol's name, and what a token among the sub-protocols begins with. */
const PROTOCOL = "hopwire.v1";
const BEARER = "bearer.";

/**
 * Whether a page of this origin may connect. A request without an Origin is no browser's; `allowed`
 * holds origins or `*`; a page of the host that it connects to always may.
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

/** The token of a handshake, if it carries one; `inQuery` says whether `?token=` counts. */
export function tokenOf(request: IncomingMessage, inQuery: boolean): string | undefined {
  const authorization = request.headers.authorization;
  if (authorization !== undefined && /^bearer /i.test(authorization)) {
    return bounded(authorization.slice(7).trim());
  }
  for (const protocol of protocolsOf(request)) {
    if (protocol.startsWith(BEARER)) return bounded(protocol.slice(BEARER.length));
  }
  if (!inQuery) return undefined;
  return bounded(URL.parse(request.url ?? "", "http://gateway")?.searchParams.get("token") ?? "");
}

/** The sub-protocol to answer with: ours, or the first that is no token; false for none. */
export function chooseProtocol(offered: Set<string>): string | false {
  if (offered.has(PROTOCOL)) return PROTOCOL;
  for (const protocol of offered) if (!protocol.startsWith(BEARER)) return protocol;
  return false;
}

function protocolsOf(request: IncomingMessage): string[] {
  const header = request.headers["sec-websocket-protocol"];
  return header === undefined ? [] : header.split(",").map((part) => part.trim());
}

/** Of a token that is too long, enough to be refused as one. */
function bounded(token: string): string | undefined {
  return token === "" ? undefined : token.slice(0, MAX_TOKEN_LENGTH + 1);
}
