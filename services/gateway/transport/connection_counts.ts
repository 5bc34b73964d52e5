/**
 * Counts the connections of a gateway, by transport and by close code, and for how long they are open.
 * Plain numbers, which OpenTelemetry reads when it exports.
 *
 * @module
 */
import { CountByKey, observe, observeValue } from "../../kit/mod.ts";

/** How a client is connected. */
export type TransportName = "websocket" | "sse" | "polling";

/** The close code of a connection that was lost. */
export const LOST = 1006;

/** See the module's doc. One per gateway. */
export class ConnectionCounts {
  /** Open now. */
  now = 0;
  /** Most that were open at once. */
  peak = 0;
  /** Opened since the start. */
  opened = 0;
  readonly #now: Record<TransportName, number> = { websocket: 0, sse: 0, polling: 0 };
  readonly #opened: Record<TransportName, number> = { websocket: 0, sse: 0, polling: 0 };
  readonly #closed = new CountByKey("hopwire.connections.closed", "code");
  readonly #clock: () => number;
  /** Milliseconds of open connections until `#changedAt`. */
  #time = 0;
  #changedAt: number;

  /** `clock` is for tests: a monotonic time in milliseconds. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
    this.#changedAt = clock();
    observe("hopwire.connections", (report) => {
      for (const [transport, count] of Object.entries(this.#now)) report(count, { transport });
    });
    observe("hopwire.connections.opened", (report) => {
      for (const [transport, count] of Object.entries(this.#opened)) report(count, { transport });
    });
    observeValue("hopwire.connections.peak", () => this.peak);
    observeValue("hopwire.connections.time", () => this.seconds);
  }

  /** How long connections have been open, all together, seconds. */
  get seconds(): number {
    return (this.#time + this.now * (this.#clock() - this.#changedAt)) / 1_000;
  }

  /** A connection has opened. */
  open(transport: TransportName): void {
    this.#change(1);
    this.#now[transport]++;
    this.#opened[transport]++;
    this.opened++;
    this.peak = Math.max(this.peak, this.now);
  }

  /** A connection has closed. */
  close(transport: TransportName, code: number): void {
    this.#change(-1);
    this.#now[transport]--;
    this.#closed.add(String(code));
  }

  #change(by: 1 | -1): void {
    const now = this.#clock();
    this.#time += this.now * (now - this.#changedAt);
    this.#changedAt = now;
    this.now += by;
  }
}
