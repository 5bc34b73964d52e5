/**
 * Opens a link over a given transport, with the platform's APIs or those from the options.
 *
 * @module
 */
import { CONNECTION_LOST } from "./close_codes.ts";
import { HopwireError } from "./errors.ts";
import { deliverText, type Link, type LinkEvents } from "./link.ts";
import type { HopwireOptions, TransportName } from "./options.ts";
import { webSocketUrl } from "./server_url.ts";
import { webSocketLink } from "./websocket_link.ts";

/** The APIs that an application may supply. */
type PlatformOptions = Pick<HopwireOptions, "WebSocket" | "fetch">;

/**
 * Checks that there is a WebSocket class, if it may be needed.
 *
 * @throws {HopwireError} `no_websocket`
 */
export function checkPlatform(transports: TransportName[], options: PlatformOptions): void {
  const { WebSocket = globalThis.WebSocket } = options;
  if (WebSocket !== undefined || !transports.includes("websocket")) return;
  throw new HopwireError(
    "no_websocket",
    "this platform has no WebSocket: pass the class of the package ws as the option WebSocket, or " +
      'the option transports: ["sse", "poll"]',
  );
}

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
  return lazyLink(events, async () => {
    const { httpLink } = await import("./http_link.ts");
    const deliver = (text: string) => deliverText(events, text);
    return () => httpLink(transport, base.href, fetch.bind(globalThis), events, deliver);
  });
}

/**
 * Returns a link whose code is loaded first: most clients never need a fallback. Nothing is sent
 * before `opened`.
 */
function lazyLink(events: LinkEvents, load: () => Promise<() => Link>): Link {
  let link: Link | undefined;
  let isClosed = false;
  load().then((open) => {
    if (!isClosed) link = open();
  }, (error) => isClosed || events.closed(CONNECTION_LOST, String(error)));
  return {
    get pending() {
      return link?.pending ?? 0;
    },
    send: (text) => link?.send(text),
    close() {
      isClosed = true;
      link?.close();
    },
  };
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
