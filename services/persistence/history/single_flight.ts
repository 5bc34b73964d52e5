/**
 * Deduplicates concurrent work: equal requests share one execution.
 *
 * @module
 */
import { FaultError } from "../../kit/mod.ts";

/** Runs work once per key at a time. */
export class SingleFlight<Value> {
  readonly #flights = new Map<string, Promise<Value>>();
  readonly #max: number;

  /** `max` is the most executions in progress, each with its own key. */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Returns the result of the work in progress for `key`, or runs `work` now. All callers share a
   * failure; the next call runs `work` again.
   *
   * @throws {FaultError} `unavailable` if too many executions are in progress
   */
  do(key: string, work: () => Promise<Value>): Promise<Value> {
    const running = this.#flights.get(key);
    if (running !== undefined) return running;
    if (this.#flights.size >= this.#max) {
      return Promise.reject(new FaultError("unavailable", "too many history reads", 1_000));
    }
    const flight = work().finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }
}
