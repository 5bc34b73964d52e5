/**
 * The connection: a badge with transport and latency, and a banner with a countdown while it is lost.
 *
 * @module
 */
import type { Hopwire, StateEvent } from "../../../client/mod.ts";
import { byId, setText } from "../../kit/page/dom.ts";

/** How often latency and countdown are shown anew, milliseconds. */
const EVERY_MS = 250;

const TRANSPORTS = { websocket: "WebSocket", sse: "SSE", poll: "polling" } as const;

/** Follows the connection of a client. `signIn` is what the user may do once it is closed for good. */
export function followConnection(hop: Hopwire, signIn: () => void): void {
  const [badge, banner, retry] = [byId("badge"), byId("banner"), byId("retry")];
  let wasConnected = false;
  let reason = "";
  let retryAt = 0;
  const show = () => {
    const { state, transport, latency } = hop;
    badge.dataset.state = state;
    const connected = [
      TRANSPORTS[transport],
      latency === undefined ? "" : `${Math.max(1, Math.round(latency))} ms`,
    ].filter(Boolean).join(" · ");
    const words = { connecting: "connecting", connected, waiting: "offline", closed: "closed" };
    setText(byId("badge-text"), words[state]);
    const lost = state === "waiting" || (state === "connecting" && wasConnected);
    banner.hidden = !lost && state !== "closed";
    if (banner.hidden) return;
    banner.dataset.kind = state === "closed" ? "bad" : "warn";
    // A connection that broke says nothing that people want to read.
    const because = reason === "" || /code 1006/.test(reason) ? "" : `: ${reason}`;
    setText(
      byId("banner-text"),
      state === "closed"
        ? `The connection is closed${because}.`
        : `The connection is lost${because}.`,
    );
    // Not a part of the status: a screen reader would read every second of it.
    setText(
      byId("countdown"),
      state === "closed"
        ? ""
        : state === "connecting"
        ? "Connecting ..."
        : `Trying again in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000))} s`,
    );
    setText(retry, state === "closed" ? "Sign in again" : "Retry now");
    (retry as HTMLButtonElement).disabled = state === "connecting";
  };
  hop.on("state", (event: StateEvent) => {
    wasConnected ||= event.state === "connected";
    if (event.state === "waiting" || event.state === "closed") reason = event.reason ?? "";
    retryAt = Date.now() + (event.retryIn ?? 0);
    show();
  });
  retry.addEventListener("click", () => hop.state === "closed" ? signIn() : hop.reconnect());
  setInterval(show, EVERY_MS);
}
