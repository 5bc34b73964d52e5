/**
 * Opens a link over a given transport, with the platform's APIs or those from the options.
 *
 * @module
 */
import { httpLink } from "./http_link.ts";
import type { Link, LinkEvents } from "./link.ts";
import type { HopwireOptions, TransportName } from "./options.ts";
import { webSocketUrl } from "./server_url.ts";
import { webSocketLink } from "./websocket_link.ts";

/** The APIs that an application may supply. */
type PlatformOptions = Pick<HopwireOptions, "WebSocket" | "fetch">;

/**
 * Opens a link to the server at `base` and returns it.
 *
 * @throws {Error} as {@link openWebSocketLink}
 */
export function openLink(
  transport: TransportName,
  base: URL,
  options: PlatformOptions,
  events: LinkEvents,
): Link {
  if (transport === "websocket") return openWebSocketLink(base, options, events);
  const { fetch = globalThis.fetch } = options;
  return httpLink(transport, base.href, fetch.bind(globalThis), events);
}

/**
 * Opens a WebSocket link to the server at `base` and returns it.
 *
 * @throws {Error} the platform has no WebSocket, or a content security policy forbids the address
 */
export function openWebSocketLink(base: URL, options: PlatformOptions, events: LinkEvents): Link {
  const { WebSocket = globalThis.WebSocket } = options;
  return webSocketLink(webSocketUrl(base), WebSocket, events);
}
