/**
 * Forwards HTTP requests between gateways. A request may reach a gateway that does not hold its
 * session. That gateway forwards it over NATS to the one that does, and returns the answer. So load
 * balancers need no sticky sessions.
 *
 * @module
 */
import type { Msg } from "@nats-io/transport-node";
import { gatewaySessionSubject, HEADERS, isInbox } from "../../contract/mod.ts";
import { encodeHeaders, errorText, faultOf, requestRaw } from "../../kit/mod.ts";
import { type HttpAnswer, refusal, type RequestKind } from "./http_answer.ts";
import type { TransportDeps } from "./transport_deps.ts";

/** How long another gateway may take beyond the time that a poll is held open, milliseconds. */
const EXTRA_TIMEOUT_MS = 5_000;

/** Bytes of request bodies on their way to other gateways. Bounds the memory when those are slow. */
const MAX_FORWARDED_BYTES = 16 * 1024 * 1024;

/** See the module's doc. */
export interface Forwarding {
  /**
   * Forwards a request to the gateway that holds its session and returns the answer. Refuses with
   * `session_not_found` if that gateway no longer exists, and with `unavailable` if it does not answer
   * in time or too many requests are being forwarded. Never rejects.
   */
  forward(gateway: string, kind: RequestKind, body: string): Promise<HttpAnswer>;
  /** Stops answering the requests that other gateways forward. */
  close(): void;
}

/** Starts forwarding. `answer` answers the requests that other gateways forward to this one. */
export function createForwarding(
  { id, bus, config }: TransportDeps,
  answer: (kind: RequestKind, body: string) => Promise<HttpAnswer>,
): Forwarding {
  const serve = async (message: Msg) => {
    const kind = message.headers?.get(HEADERS.http) === "send" ? "send" : "poll";
    try {
      const { status, body } = await answer(kind, message.string());
      message.respond(body, { headers: encodeHeaders(HEADERS.http, String(status)) });
    } catch (error) {
      // The other gateway runs into its timeout, and its client retries.
      bus.log.warn("could not answer a forwarded request", { error: errorText(error) });
    }
  };
  const subscription = bus.nats.subscribe(gatewaySessionSubject(id), {
    callback(error, message) {
      if (error === null && isInbox(message.reply)) void serve(message);
    },
  });
  let [requests, bytes] = [0, 0];
  return {
    async forward(gateway, kind, body) {
      // Each connection may have one poll open, so there may be as many requests as connections.
      if (requests >= config.MAX_CONNECTIONS || bytes + body.length > MAX_FORWARDED_BYTES) {
        return refusal("unavailable", "too many requests are being forwarded");
      }
      requests++;
      bytes += body.length;
      try {
        const reply = await requestRaw(bus, gatewaySessionSubject(gateway), body, {
          timeout: config.PING_INTERVAL_MS + EXTRA_TIMEOUT_MS,
          headers: { [HEADERS.http]: kind },
          missing: "session_not_found",
        });
        return { status: Number(reply.headers?.get(HEADERS.http)) || 500, body: reply.data };
      } catch (error) {
        // No responder: the gateway has stopped, and its sessions have ended.
        const stopped = faultOf(error).code === "session_not_found";
        return refusal(stopped ? "session_not_found" : "unavailable");
      } finally {
        requests--;
        bytes -= body.length;
      }
    },
    close: () => subscription.unsubscribe(),
  };
}
