/**
 * Pings, which detect a dead connection and measure its latency.
 *
 * @module
 */
import type { Clock, HopwireOptions } from "./options.ts";
import type { Timers } from "./timers.ts";

/** Default interval between pings, milliseconds. */
const PING_INTERVAL_MS = 20_000;

/** Longest interval, milliseconds. The gateway ends an HTTP session that is silent for 35 s. */
const MAX_PING_INTERVAL_MS = 30_000;

/** Default time in which a frame must arrive after a ping, milliseconds. */
const PING_TIMEOUT_MS = 10_000;

/** The same after a page wakes up, milliseconds: the user is waiting. */
const WAKE_TIMEOUT_MS = 3_000;

/** Callbacks of {@link Liveness}. */
export interface LivenessEvents {
  /** Send a ping. */
  ping(): void;
  /** No frame arrived in time: the connection is dead. */
  dead(): void;
}

/** Checks that a connection is alive. Its timers end when the owner clears them. */
export class Liveness {
  /** Round-trip time of the last answered ping, milliseconds; undefined before the first. */
  latency: number | undefined;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #interval: number;
  readonly #timeout: number;
  readonly #events: LivenessEvents;
  #lastFrameAt = 0;
  #pingSentAt = 0;

  constructor(
    clock: Clock,
    timers: Timers,
    options: Pick<HopwireOptions, "pingInterval" | "pingTimeout">,
    events: LivenessEvents,
  ) {
    this.#clock = clock;
    this.#timers = timers;
    this.#interval = Math.min(options.pingInterval ?? PING_INTERVAL_MS, MAX_PING_INTERVAL_MS);
    this.#timeout = options.pingTimeout ?? PING_TIMEOUT_MS;
    this.#events = events;
  }

  /** A frame arrived. Any frame proves that the connection is alive. */
  frameReceived(): void {
    this.#lastFrameAt = this.#clock.now();
  }

  /** The answer to a ping arrived. */
  pongReceived(): void {
    this.latency = this.#clock.now() - this.#pingSentAt;
  }

  /** Sends a ping now and then at each interval. */
  start(): void {
    this.#ping("pong", this.#timeout);
  }

  /** Sends a ping now and allows little time for an answer: the device may have slept. */
  checkNow(): void {
    this.#ping("pong after waking", WAKE_TIMEOUT_MS);
  }

  #ping(deadline: string, timeout: number): void {
    const sentAt = this.#pingSentAt = this.#clock.now();
    this.#events.ping();
    // A later ping must not extend a deadline that is already running.
    if (!this.#timers.has(deadline)) {
      this.#timers.set(deadline, timeout, () => {
        if (this.#lastFrameAt < sentAt) this.#events.dead();
      });
    }
    this.#timers.set("ping", this.#interval, () => this.start());
  }
}
