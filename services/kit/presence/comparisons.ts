/**
 * Compares the facts that a view of all rooms has of each gateway with what the gateway says it states,
 * by their digests. No I/O.
 *
 * @module
 */
import type { GatewayAlive } from "../../contract/mod.ts";
import { Digest } from "./digest.ts";
import type { FactListener } from "./roster.ts";

/** Shortest time between two comparisons with a gateway whose digest differs, milliseconds. */
const COMPARE_MS = 1_000;

interface Comparison {
  /** Of the facts that the view has. */
  digest: Digest;
  running: boolean;
  answered: boolean;
  at: number;
}

/** See the module's doc. */
export class Comparisons {
  readonly #gateways = new Map<string, Comparison>();

  /** Counts a fact that the view gained or lost. */
  readonly count: FactListener = (room, gateway, fact, added) => {
    const { digest } = this.#of(gateway);
    if (added) digest.add(room, fact);
    else digest.remove(room, fact);
  };

  /** Whether the view has all that a gateway says it states. */
  matches({ gateway, facts, digest }: GatewayAlive): boolean {
    const known = this.#of(gateway).digest;
    return known.facts === facts && known.total === digest;
  }

  /** Whether a comparison with a gateway should begin now; then it has begun, until {@link ended}. */
  begin(alive: GatewayAlive, now: number): boolean {
    const comparison = this.#of(alive.gateway);
    if (this.matches(alive)) {
      // Its statements have told everything already.
      comparison.answered = true;
      return false;
    }
    if (alive.facts === undefined || comparison.running || now - comparison.at < COMPARE_MS) {
      return false;
    }
    comparison.running = true;
    comparison.at = now;
    return true;
  }

  /** The buckets in which a gateway's digests differ from the view's. */
  differing(gateway: string, digests: readonly number[]): number[] {
    const own = this.#of(gateway).digest.buckets;
    return digests.flatMap((digest, i) => digest === own[i] ? [] : [i]);
  }

  /** A comparison has ended; `answered`: the gateway told its state. */
  ended(gateway: string, answered: boolean): void {
    const comparison = this.#of(gateway);
    comparison.running = false;
    comparison.answered ||= answered;
  }

  /** Whether a gateway has told its state at least once, by an answer or by its statements. */
  answered(gateway: string): boolean {
    return this.#gateways.get(gateway)?.answered === true;
  }

  /** Forgets a gateway. */
  drop(gateway: string): void {
    this.#gateways.delete(gateway);
  }

  #of(gateway: string): Comparison {
    let comparison = this.#gateways.get(gateway);
    if (comparison === undefined) {
      comparison = { digest: new Digest(), running: false, answered: false, at: -Infinity };
      this.#gateways.set(gateway, comparison);
    }
    return comparison;
  }
}
