/**
 * Reports to the server how long messages took in this client, several at a time.
 *
 * @module
 */
import { MEASUREMENTS_ID } from "./frame_ids.ts";
import type { Measure } from "./room_client.ts";
import type { FrameSender } from "./send_queue.ts";

/** Most entries of one report, and how often there is one (contract/limits.ts). */
const MAX_ENTRIES = 100;
const REPORT_MS = 5_000;

/** The longest hop and the longest time ago that the server accepts, milliseconds (contract/limits.ts). */
const MAX_MEASURED_MS = 60_000;

/** The measurements of one client. */
export class Measurements {
  readonly #sender: FrameSender;
  readonly #latency: () => number | undefined;
  #entries: (Record<string, unknown> & { ago: number })[] = [];
  #timer: unknown;
  #stopped = false;

  /** `latency` returns the round-trip time to the server in milliseconds, if it is known. */
  constructor(sender: FrameSender, latency: () => number | undefined) {
    this.#sender = sender;
    this.#latency = latency;
  }

  /** Records a hop that ends now. What exceeds a report is dropped. */
  readonly add: Measure = (hop, from, room, traceparent, root) => {
    const { clock } = this.#sender;
    const now = clock.now();
    if (this.#stopped || this.#entries.length >= MAX_ENTRIES) return;
    const ms = Math.min(MAX_MEASURED_MS, now - from);
    this.#entries.push({ hop, ms, ago: now, room, traceparent, root });
    this.#timer ??= clock.setTimeout(() => this.#report(), REPORT_MS);
  };

  /** The server refused a report. One that does not know them gets no more. */
  refused(code: string): void {
    if (code === "unknown_type") this.stop();
  }

  /** Stops for good. */
  stop(): void {
    this.#stopped = true;
    this.#sender.clock.clearTimeout(this.#timer);
  }

  #report(): void {
    const { clock, isConnected, send } = this.#sender;
    this.#timer = undefined;
    // The report takes about half of a round trip to the server.
    const now = clock.now() + (this.#latency() ?? 0) / 2;
    const entries = this.#entries.map((entry) => ({ ...entry, ago: now - entry.ago }))
      // A page in the background may have slept.
      .filter(({ ago }) => ago <= MAX_MEASURED_MS);
    this.#entries = [];
    if (isConnected() && entries.length > 0) {
      send({ type: "measurements", id: MEASUREMENTS_ID, entries });
    }
  }
}
