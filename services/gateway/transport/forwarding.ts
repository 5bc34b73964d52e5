/**
 * Requests over HTTP that reached a gateway which does not hold their session: passed on over NATS to
 * the one that does, and its answer passed back. So nothing between has to keep clients at one gateway.
 *
 * @module
 */
import type { Msg } from "@nats-io/transport-node";
import { gatewaySessionSubject, HEADERS } from "../../contract/mod.ts";
import { encodeHeaders, errorText, faultOf, requestRaw } from "../../kit/mod.ts";
import type { TransportDeps } from "./transport_deps.ts";
import { type Answer, type Asked, refusal } from "./http_answer.ts";

/** How long the other gateway may take beside what a poll waits for anyway, milliseconds. */
const PATIENCE_MS = 5_000;

/** Bytes of bodies that may be on their way to other gateways. */
const MAX_BYTES = 16 * 1024 * 1024;

/** See the module's doc. */
export interface Forwarding {
  /** Asks the gateway that holds a session. Never throws. */
  ask(gateway: string, asked: Asked, body: string): Promise<Answer>;
  close(): void;
}

/** Serves what other gateways pass on, and passes on. */
export function createForwarding(
  { id, bus, config }: TransportDeps,
  answer: (asked: Asked, body: string) => Promise<Answer>,
): Forwarding {
  const serve = async (message: Msg) => {
    const asked = message.headers?.get(HEADERS.http) === "send" ? "send" : "poll";
    try {
      const { status, body } = await answer(asked, message.string());
      message.respond(body, { headers: encodeHeaders(HEADERS.http, String(status)) });
    } catch (error) {
      // Whoever asked gives up by its own timeout, and its client comes again.
      bus.log.warn("a request passed on was not answered", { error: errorText(error) });
    }
  };
  const subscription = bus.nats.subscribe(gatewaySessionSubject(id), {
    callback(error, message) {
      if (error === null) void serve(message);
    },
  });
  let [requests, bytes] = [0, 0];
  return {
    async ask(gateway, asked, body) {
      // Each session may have one that waits: as many as there may be connections.
      if (requests >= config.MAX_CONNECTIONS || bytes + body.length > MAX_BYTES) {
        return refusal("unavailable", "too many requests for other gateways");
      }
      requests++;
      bytes += body.length;
      try {
        const reply = await requestRaw(bus, gatewaySessionSubject(gateway), body, {
          timeout: config.PING_INTERVAL_MS + PATIENCE_MS,
          headers: { [HEADERS.http]: asked },
          missing: "session_not_found",
        });
        return { status: Number(reply.headers?.get(HEADERS.http)) || 500, body: reply.data };
      } catch (error) {
        // The gateway is gone, and the session with it.
        const gone = faultOf(error).code === "session_not_found";
        return refusal(gone ? "session_not_found" : "unavailable");
      } finally {
        requests--;
        bytes -= body.length;
      }
    },
    close: () => subscription.unsubscribe(),
  };
}
