/**
 * How many new clients the other gateways can take, as their heartbeats say.
 *
 * @module
 */
import { GATEWAY_ALIVE, GatewayAlive } from "../../../contract/mod.ts";
import { type Bus, subscribe } from "../../../kit/mod.ts";
import { ASSUMED_ACCEPTS } from "./accept_rate.ts";

/** Most gateways that are remembered. */
const MAX_GATEWAYS = 1_000;

/** See the module's doc. */
export interface OtherGateways {
  /** New clients a second that all of them together can take; 0 if there are none. */
  accepts(): number;
  /** Stops listening. */
  close(): void;
}

/** Listens to the heartbeats. `own` is this gateway's id. `now` is a monotonic clock in milliseconds. */
export function followOtherGateways(
  bus: Bus,
  own: string,
  now: () => number = () => performance.now(),
): OtherGateways {
  const others = new Map<string, { accepts: number; until: number }>();
  const subscription = subscribe(bus, GATEWAY_ALIVE, GatewayAlive, (alive) => {
    const { gateway, accepts = ASSUMED_ACCEPTS, lease, stopping } = alive;
    if (gateway === own) return;
    others.delete(gateway);
    if (stopping === true) return;
    others.set(gateway, { accepts, until: now() + lease });
    if (others.size > MAX_GATEWAYS) others.delete(others.keys().next().value!);
  });
  return {
    accepts() {
      let sum = 0;
      for (const [gateway, { accepts, until }] of others) {
        if (until < now()) others.delete(gateway);
        else sum += accepts;
      }
      return sum;
    },
    close: () => subscription.unsubscribe(),
  };
}
