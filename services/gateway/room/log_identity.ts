/**
 * The identity of the log that this gateway follows. The gateway reads it at start, at each reconnect
 * to NATS, and whenever something looks wrong, because the stream may have been replaced meanwhile.
 *
 * @module
 */
import { jetstreamManager } from "@nats-io/jetstream";
import { ROOMS_STREAM } from "../../contract/mod.ts";
import { type Bus, epochOf, errorText } from "../../kit/mod.ts";

/** Wait between attempts to find the stream, milliseconds. */
const RETRY_MS = 250;

/** The shortest time between two checks by {@link Log.checkIdentity}, milliseconds. */
const CHECK_INTERVAL_MS = 1_000;

/** The log, as far as a gateway knows it. */
export interface Log {
  /** The log's epoch; null until the stream has been found. */
  readonly epoch: string | null;
  /** Whether the stream has been found since the last (re)connect to NATS. */
  readonly found: boolean;
  /** Resolves when the stream has been found, or after `deadline` milliseconds without it. */
  waitUntilFound(deadline: number): Promise<void>;
  /** Registers a callback for each reconnect to NATS that found the same log. */
  onReconnected(callback: () => void): void;
  /** Registers a callback for a log that was replaced or lost its last messages. It gets the reason. */
  onReplaced(callback: (reason: string) => void): void;
  /** Checks in the background whether the log is still the same one. */
  checkIdentity(): void;
  /** Stops looking for the stream. */
  stop(): void;
}

/**
 * Finds the stream in the background, however long that takes, and follows its identity. `delivered`
 * returns the highest seq that this gateway has delivered.
 */
export function followLog(bus: Bus, delivered: () => number): Log {
  let epoch: string | null = null;
  let stopped = false;
  /** Counts inspections: only the latest one may change anything. */
  let inspections = 0;
  let checkedAt = -Infinity;
  let found = false;
  let finding = Promise.withResolvers<void>();
  const onReconnected: (() => void)[] = [];
  const onReplaced: ((reason: string) => void)[] = [];

  /** Reads the stream's state once. Returns whether the log is the same as before. */
  const inspect = async (): Promise<boolean> => {
    const inspection = ++inspections;
    const highest = delivered();
    const manager = await jetstreamManager(bus.nats, { checkAPI: false });
    const info = await manager.streams.info(ROOMS_STREAM);
    if (inspection !== inspections) return true;
    const before = epoch;
    epoch = epochOf(String(info.created));
    found = true;
    finding.resolve();
    const reason = before !== null && before !== epoch
      ? "the log was replaced"
      : info.state.last_seq < highest
      ? "the log lost its last messages"
      : null;
    if (reason !== null) { for (const callback of onReplaced) callback(reason); }
    return reason === null;
  };
  const find = async () => {
    // After a reconnect it may be another one.
    if (found) finding = Promise.withResolvers();
    found = false;
    let logged = false;
    while (!stopped) {
      try {
        const same = await inspect();
        if (found) {
          if (same) { for (const callback of onReconnected) callback(); }
          return;
        }
        // A later inspection is under way, and may fail.
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      } catch (error) {
        if (!logged) bus.log.warn("waiting for the stream", { error: errorText(error) });
        logged = true;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  };
  bus.onReconnect(() => void find());
  // In a microtask, so that the caller can finish the wiring that `delivered` reads.
  queueMicrotask(() => void find());
  return {
    get epoch() {
      return epoch;
    },
    get found() {
      return found;
    },
    async waitUntilFound(deadline) {
      if (found) return;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, deadline));
      await Promise.race([finding.promise, late]);
      clearTimeout(timer);
    },
    onReconnected: (callback) => void onReconnected.push(callback),
    onReplaced: (callback) => void onReplaced.push(callback),
    checkIdentity() {
      const now = performance.now();
      if (epoch === null || now - checkedAt < CHECK_INTERVAL_MS) return;
      checkedAt = now;
      inspect().catch((error) => {
        bus.log.warn("could not check the log's identity", { error: errorText(error) });
      });
    },
    stop: () => {
      stopped = true;
    },
  };
}
