/**
 * How many connections busy users and addresses have at other gateways, as these tell. No I/O.
 *
 * @module
 */
import { type GatewayUsage, USAGE_TTL_MS } from "../../../contract/mod.ts";

/** Gateways that are remembered. More than a NATS cluster's worth of them is a mistake. */
const MAX_GATEWAYS = 256;

/** What one gateway told last. */
interface Statement {
  at: number;
  users: Map<string, number>;
  addresses: Map<string, { connections: number; unauthenticated: number }>;
}

/** See the module's doc. One per gateway. A message replaces what its gateway told before. */
export class ConnectionsElsewhere {
  readonly #statements = new Map<string, Statement>();

  /** Takes a message of another gateway. `now` is a monotonic time in milliseconds. */
  told({ gateway, users, addresses }: GatewayUsage, now: number): void {
    this.#statements.delete(gateway);
    for (const [other, { at }] of this.#statements) {
      if (now - at > USAGE_TTL_MS || this.#statements.size >= MAX_GATEWAYS) {
        this.#statements.delete(other);
      }
    }
    this.#statements.set(gateway, {
      at: now,
      users: new Map(users.map(({ userId, connections }) => [userId, connections])),
      addresses: new Map(addresses.map(({ address, ...rest }) => [address, rest])),
    });
  }

  /** The connections of a user at other gateways. */
  ofUser(userId: string, now: number): number {
    let connections = 0;
    for (const { at, users } of this.#statements.values()) {
      if (now - at <= USAGE_TTL_MS) connections += users.get(userId) ?? 0;
    }
    return connections;
  }

  /** The connections from an address at other gateways. */
  ofAddress(address: string, now: number): { connections: number; unauthenticated: number } {
    const sum = { connections: 0, unauthenticated: 0 };
    for (const { at, addresses } of this.#statements.values()) {
      const there = now - at <= USAGE_TTL_MS ? addresses.get(address) : undefined;
      sum.connections += there?.connections ?? 0;
      sum.unauthenticated += there?.unauthenticated ?? 0;
    }
    return sum;
  }
}
