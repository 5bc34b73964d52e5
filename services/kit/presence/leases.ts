/**
 * Which gateways are alive: each has a lease that everything it says renews. No I/O and no clock of its
 * own: times are monotonic, in milliseconds, and the listener's.
 *
 * @module
 */

/** The lease of a gateway that has not told its own yet, milliseconds. */
const FIRST_LEASE_MS = 3_500;

/** See the module's doc. */
export class Leases {
  readonly #gateways = new Map<string, { lease: number; expiresAt: number }>();

  /** How many gateways are alive. */
  get size(): number {
    return this.#gateways.size;
  }

  /** The gateways that are alive. */
  gateways(): Iterable<string> {
    return this.#gateways.keys();
  }

  /** Whether a gateway is alive. */
  has(gateway: string): boolean {
    return this.#gateways.has(gateway);
  }

  /**
   * Renews the lease of a gateway that sent something. `lease` is how long its facts hold from now on;
   * without it, the last lease is renewed.
   *
   * @returns whether it was not known before, or its lease had ended
   */
  heard(gateway: string, now: number, lease?: number): boolean {
    const known = this.#gateways.get(gateway);
    if (known === undefined) {
      const first = lease ?? FIRST_LEASE_MS;
      this.#gateways.set(gateway, { lease: first, expiresAt: now + first });
      return true;
    }
    if (lease !== undefined) {
      known.lease = lease;
      known.expiresAt = now + lease;
    } else {
      known.expiresAt = Math.max(known.expiresAt, now + known.lease);
    }
    return false;
  }

  /** Takes out and returns the gateways whose lease has ended. */
  expire(now: number): string[] {
    const ended: string[] = [];
    for (const [gateway, { expiresAt }] of this.#gateways) {
      if (expiresAt <= now) ended.push(gateway);
    }
    for (const gateway of ended) this.#gateways.delete(gateway);
    return ended;
  }

  /**
   * Renews every lease: this process was paused or disconnected, so silence proves nothing.
   */
  renewAll(now: number): void {
    for (const gateway of this.#gateways.keys()) this.heard(gateway, now);
  }
}
