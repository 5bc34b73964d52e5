/**
 * The services: which one a hop belongs to, and the colour of each.
 *
 * @module
 */
import { HOPS } from "../../contract/telemetry/hops.ts";

/** The services that have a colour of their own. */
const NAMES = ["client", "gateway", "nats", "persistence", "auth", "rooms", "monitor"] as const;

/** Who takes a hop whose name does not tell: the others are taken by who measures them. */
const OF_HOPS: Record<string, string> = {
  "bus.store": "nats",
  "bus.deliver": "nats",
  "auth.verify": "auth",
  "rooms.join": "rooms",
  "screen": "rooms",
  "call": "rooms",
};

/** Returns the service whose colour a hop has. */
export function serviceOfHop(hop: string): string {
  const { by } = (HOPS as Record<string, { by: string }>)[hop] ?? { by: "gateway" };
  return OF_HOPS[hop] ?? by;
}

/** Returns the CSS colour of a service, as `gateway` or `hopwire-gateway`. */
export function colorOf(service: string): string {
  const name = service.replace(/^hopwire-/, "").replace(/-server$/, "");
  const known = NAMES.find((each) => name === each) ?? "monitor";
  return `var(--${known})`;
}

/** Returns a short name of a process: `gateway-2` if its instance is named so, else `gateway 0c9af1`. */
export function processName(service: string, instance: string): string {
  const name = nameOf(service);
  if (instance === "" || instance.startsWith(name)) return instance || name;
  return `${name} ${instance.slice(0, 6)}`;
}

/** Returns the name of a service as the page shows it. */
export function nameOf(service: string): string {
  return service.replace(/^hopwire-/, "");
}
