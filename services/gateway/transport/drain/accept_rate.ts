/**
 * How many new clients a second a gateway can take, measured by how many it took.
 *
 * @module
 */

/**
 * What a gateway is believed to take before it has been measured, clients/s. One core took 1,600 to 3,000,
 * each with its own token and room.
 */
export const ASSUMED_ACCEPTS = 1_000;

/** Seconds over which arrivals are averaged: one second alone says little. */
const SECONDS = 3;

/** What is left of a measurement after a second: half of it after 23 minutes. */
const DECAY = 0.9995;

/** See the module's doc. The rate of a gateway that is not busy is not its limit, so the best counts. */
export class AcceptRate {
  #best = ASSUMED_ACCEPTS;
  #current = 0;
  readonly #last: number[] = [];

  /** New clients a second. */
  get perSecond(): number {
    return Math.round(this.#best);
  }

  /** A new client has authenticated. */
  add(): void {
    this.#current++;
  }

  /** A second has passed. */
  tick(): void {
    this.#last.push(this.#current);
    this.#current = 0;
    if (this.#last.length > SECONDS) this.#last.shift();
    const average = this.#last.reduce((sum, count) => sum + count, 0) / SECONDS;
    this.#best = Math.max(ASSUMED_ACCEPTS, average, this.#best * DECAY);
  }
}
