/**
 * Warns of gateways that do not state which users are connected, while an endpoint wants to know.
 *
 * @module
 */
import { GATEWAY_ALIVE, GatewayAlive, type WebhookEndpoint } from "../../contract/mod.ts";
import { type Bus, subscribe } from "../../kit/mod.ts";

/** Gateways that are remembered: each is warned of once. */
const MAX_KNOWN = 1_000;

/** Warns of gateways. */
export interface GatewayWarnings {
  /** These endpoints are wanted from now on. */
  set(endpoints: readonly WebhookEndpoint[]): void;
  /** Stops. */
  stop(): void;
}

/** Listens to heartbeats, and warns of each gateway that has no STATE_CONNECTIONS, once. */
export function warnOfGateways(bus: Bus): GatewayWarnings {
  const known = new Set<string>();
  let wanted = false;
  const subscription = subscribe(bus, GATEWAY_ALIVE, GatewayAlive, ({ gateway, connections }) => {
    // One of an earlier release does not say.
    if (!wanted || connections !== false || known.has(gateway)) return;
    if (known.size >= MAX_KNOWN) known.clear();
    known.add(gateway);
    const message = "endpoints want events of users, and a gateway runs without STATE_CONNECTIONS";
    bus.log.warn(message, { gateway });
  });
  return {
    set(endpoints) {
      wanted = endpoints.some(({ events }) => events.some((type) => type.startsWith("user.")));
    },
    stop: () => subscription.unsubscribe(),
  };
}
