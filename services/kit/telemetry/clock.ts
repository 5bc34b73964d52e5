/**
 * The clock of hops. Times that processes exchange are in the NATS server's time, as far as a process
 * knows by how much its own clock differs: it asks the server for its time, and the exchange that took
 * least of the last ones tells most, because the answer was made somewhere within it.
 *
 * An offset that is smaller than its error is not applied: on one machine all have the same clock.
 * Servers before 2.10 do not tell their time. Then the offset is unknown, and none is applied.
 *
 * @module
 */
import type { Bus } from "../bus.ts";
import { observe } from "./instruments.ts";

/** Exchanges that the estimate rests on, and how often one is made, milliseconds. */
const SAMPLES = 12;
const EVERY_MS = 10_000;

/** The first exchanges follow each other sooner, milliseconds. */
const FIRST_MS = 200;
const FIRST_SAMPLES = 4;

/** How long the server may take to answer, milliseconds. */
const TIMEOUT_MS = 2_000;

/** Own wall clock and monotonic clock are compared again when they differ by this much, milliseconds. */
const STEP_MS = 5;

interface Sample {
  offset: number;
  error: number;
}

/** See the module's doc. All times are microseconds since 1970. */
export class Clock {
  #base = performance.timeOrigin;
  #samples: Sample[] = [];
  #offset = 0;
  #error = NaN;
  #applied = 0;

  /** This process's clock less the NATS server's, microseconds; NaN while unknown. */
  get offset(): number {
    return this.#samples.length > 0 ? this.#offset : NaN;
  }

  /** By how much {@link Clock.offset} may be wrong, microseconds; NaN while unknown. */
  get error(): number {
    return this.#error;
  }

  /** Returns the present time. */
  now(): number {
    return this.at(performance.now());
  }

  /** Returns the time of a value of `performance.now()`. */
  at(monotonic: number): number {
    return Math.round((this.#base + monotonic) * 1_000) - this.#applied;
  }

  /** Returns the time of this process's wall clock, given in milliseconds since 1970. */
  ofWallClock(milliseconds: number): number {
    return Math.round(milliseconds * 1_000) - this.#applied;
  }

  /**
   * Learns from one exchange: when it began and ended, by `performance.now()`, and what the server said its
   * time was, in microseconds.
   */
  learn(began: number, ended: number, server: number): void {
    this.#checkStep();
    const own = (this.#base + (began + ended) / 2) * 1_000;
    this.#samples.push({ offset: own - server, error: (ended - began) * 500 });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
    const best = this.#samples.reduce((a, b) => b.error < a.error ? b : a);
    this.#offset = Math.round(best.offset);
    this.#error = Math.round(best.error);
    this.#applied = Math.abs(this.#offset) <= this.#error ? 0 : this.#offset;
  }

  /** The server is another one, or its clock may be. */
  forget(): void {
    this.#samples = [];
    this.#offset = 0;
    this.#error = NaN;
    this.#applied = 0;
  }

  /** The wall clock may be set while the process runs. What was learned before is then void. */
  #checkStep(): void {
    const step = Date.now() - (this.#base + performance.now());
    if (Math.abs(step) < STEP_MS) return;
    this.#base += step;
    this.#samples = [];
  }
}

/** The clock of this process. */
export const clock: Clock = new Clock();

/** Hops of this process that would have taken less than no time. */
let negative = 0;

/**
 * Returns the seconds between two times in microseconds; 0, and counts it, if they are in the wrong order:
 * clocks differ by more than is known.
 */
export function secondsBetween(from: number, to: number): number {
  if (to >= from) return (to - from) / 1e6;
  negative++;
  return 0;
}

/** How many hops would have taken less than no time so far. */
export function negativeHops(): number {
  return negative;
}

/**
 * Compares the clock with the NATS server's from now on, and exports what is known. `stream` is one whose
 * information this user of NATS may request. Returns a function that stops.
 */
export function followServerClock(bus: Bus, stream: string): () => void {
  let count = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  const exchange = async () => {
    const began = performance.now();
    try {
      const reply = await bus.nats.request(`$JS.API.STREAM.INFO.${stream}`, "", {
        timeout: TIMEOUT_MS,
      });
      const ended = performance.now();
      const { ts } = reply.json() as { ts?: unknown };
      const server = typeof ts === "string" ? microsOf(ts) : NaN;
      if (Number.isFinite(server)) clock.learn(began, ended, server);
    } catch {
      // Not connected, or there is no such stream yet.
    }
    count++;
    if (!stopped) timer = setTimeout(exchange, count < FIRST_SAMPLES ? FIRST_MS : EVERY_MS);
  };
  bus.onReconnect(() => clock.forget());
  observe("hopwire.clock.offset", (report) => report(clock.offset / 1e6));
  observe("hopwire.clock.error", (report) => report(clock.error / 1e6));
  void exchange();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** Returns the microseconds since 1970 of a time as RFC 3339 writes it; NaN if it is none. */
export function microsOf(text: string): number {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(text);
  if (match === null) return NaN;
  return Date.parse(`${match[1]}Z`) * 1_000 + Math.round(Number(`0.${match[2] ?? 0}`) * 1e6);
}
