/**
 * Equal work asked for at the same time is done once.
 *
 * @module
 */
import { FaultError } from "../kit/mod.ts";

/** See the module's doc. */
export class SingleFlight<Value> {
  readonly #flights = new Map<string, Promise<Value>>();
  readonly #max: number;

  /** `max`: different flights under way at a time. */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * The result of the work under way for `key`, or of `work`, begun now. A failure is everybody's,
   * and forgotten with the flight.
   *
   * @throws {FaultError} `unavailable` where too many are under way
   */
  do(key: string, work: () => Promise<Value>): Promise<Value> {
    const running = this.#flights.get(key);
    if (running !== undefined) return running;
    if (this.#flights.size >= this.#max) {
      return Promise.reject(new FaultError("unavailable", "too many reads of history", 1_000));
    }
    const flight = work().finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }
}
