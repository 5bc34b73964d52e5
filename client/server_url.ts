/**
 * Addresses derived from the URL that the application passes.
 *
 * @module
 */

/**
 * Returns the base of the server's paths: `http:` or `https:`, ending with a slash, without `/ws`,
 * query and fragment. In a page, a relative `url` is resolved against the page's own address.
 *
 * @throws {TypeError} `url` is not a valid URL
 *
 * @example
 * ```ts
 * import { serverUrl } from "./server_url.ts";
 * import assert from "node:assert/strict";
 * assert.equal(serverUrl("wss://chat.example/base/ws?x=1").href, "https://chat.example/base/");
 * ```
 */
export function serverUrl(url: string | { readonly href: string }): URL {
  const base = new URL(
    String(url),
    (globalThis as { location?: { href?: string } }).location?.href,
  );
  base.protocol = base.protocol.replace(/^ws/, "http");
  base.pathname = base.pathname.replace(/\/(ws)?$/, "") + "/";
  base.search = base.hash = "";
  return base;
}

/** Returns the address of the WebSocket endpoint below a {@link serverUrl}. */
export function webSocketUrl(base: URL): string {
  const url = new URL("ws", base);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}
