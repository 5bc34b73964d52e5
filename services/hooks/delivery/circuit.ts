/**
 * Leaves an endpoint alone that fails again and again, or asks for it: after that one request at a time finds
 * out whether it is back. So an endpoint that is down costs its events few attempts. No I/O.
 *
 * @module
 */
import { retryDelay } from "./retry.ts";

/** Failures in a row after which an endpoint is left alone. */
const MAX_FAILURES = 5;

/** How long at most, milliseconds: then the endpoint is back within five minutes. */
const MAX_PAUSE_MS = 300_000;

/** See the module's doc. `now` is a monotonic clock in milliseconds. */
export class Circuit {
  readonly #firstDelayMs: number;
  readonly #now: () => number;
  #failures = 0;
  #until = 0;
  #probing = false;
  #changed = Promise.withResolvers<void>();

  /** `firstDelayMs` is the first pause. */
  constructor(firstDelayMs: number, now: () => number = () => performance.now()) {
    this.#firstDelayMs = firstDelayMs;
    this.#now = now;
  }

  /** Whether the endpoint has failed again and again. */
  get open(): boolean {
    return this.#failures >= MAX_FAILURES;
  }

  /** How long nobody may send, milliseconds; 0 if somebody may; undefined while another probes. */
  wait(): number | undefined {
    const left = this.#until - this.#now();
    if (left > 0) return left;
    return this.open && this.#probing ? undefined : 0;
  }

  /** A request begins. Returns whether it probes: {@link ended} wants to know. */
  began(): boolean {
    if (this.open) this.#probing = true;
    return this.open;
  }

  /** A request has ended. `retryAfterMs` is how long the endpoint wants to be left alone. */
  ended(ok: boolean, probe: boolean, retryAfterMs = 0): void {
    if (probe) this.#probing = false;
    if (ok) {
      this.#failures = 0;
      this.#until = 0;
    } else if (this.open && !probe) {
      // It began before the others failed, and says nothing new.
      this.#until = Math.max(this.#until, this.#now() + retryAfterMs);
    } else {
      this.#failures++;
      const pause = this.open
        ? retryDelay(this.#failures - MAX_FAILURES + 1, {
          firstDelayMs: this.#firstDelayMs,
          maxDelayMs: MAX_PAUSE_MS,
        })
        : 0;
      this.#until = Math.max(this.#until, this.#now() + Math.max(pause, retryAfterMs));
    }
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** Resolves when a request has ended. */
  changed(): Promise<void> {
    return this.#changed.promise;
  }
}
