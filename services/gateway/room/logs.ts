/**
 * The streams of the log that this gateway follows. The first one tells how many there are; a system
 * starts with that number and keeps it.
 *
 * @module
 */
import { ROOMS_STREAM, roomsStream, streamIndexOf } from "../../contract/mod.ts";
import type { Bus } from "../../kit/mod.ts";
import { followLog, type Log } from "./log_identity.ts";

/** The whole log, as far as a gateway knows it. */
export interface Logs {
  /** Whether all streams have been found since the last (re)connect to NATS; see {@link Log}. */
  readonly found: boolean;
  /** Returns the stream of a room. Before the log has been found it may be another one. */
  of(room: string): Log;
  /** Resolves when all streams have been found, or after `deadline` milliseconds without one of them. */
  waitUntilFound(deadline: number): Promise<void>;
  /** Registers a callback for each reconnect to NATS that found the same log. */
  onReconnected(callback: () => void): void;
  /** Registers a callback for a stream that was replaced or has lost messages. It gets the reason. */
  onReplaced(callback: (reason: string, log: Log) => void): void;
  /** Stops looking for the streams. */
  stop(): void;
}

/** Follows all streams of the log. */
export function followLogs(bus: Bus): Logs {
  const reconnected: (() => void)[] = [];
  const replaced: ((reason: string, log: Log) => void)[] = [];
  const first = followLog(bus, ROOMS_STREAM, () => followOthers());
  let logs = [first];
  /** How many streams there are; null until the first one has been found. */
  let count: number | null = null;

  const found = () => count !== null && logs.every((log) => log.found);
  const attach = (log: Log) => {
    log.onReplaced((reason) => replaced.forEach((callback) => callback(reason, log)));
    log.onReconnected(() => {
      if (logs.includes(log) && found()) reconnected.forEach((callback) => callback());
    });
  };
  /** Another number of streams is that of another system: an operator has replaced everything. */
  const followOthers = () => {
    const now = first.streams!;
    if (now === count) return;
    const changed = count !== null;
    count = now;
    for (const log of logs.splice(1)) log.stop();
    logs = [
      first,
      ...Array.from({ length: now - 1 }, (_, i) => followLog(bus, roomsStream(i + 1))),
    ];
    logs.slice(1).forEach(attach);
    if (changed) {
      replaced.forEach((callback) => callback("the log has another number of streams", first));
    }
  };
  attach(first);

  return {
    get found() {
      return found();
    },
    of: (room) => logs[streamIndexOf(room, count ?? 1)]!,
    async waitUntilFound(deadline) {
      const end = performance.now() + deadline;
      const left = () => Math.max(0, end - performance.now());
      await first.waitUntilFound(deadline);
      await Promise.all(logs.map((log) => log.waitUntilFound(left())));
    },
    onReconnected: (callback) => void reconnected.push(callback),
    onReplaced: (callback) => void replaced.push(callback),
    stop: () => logs.forEach((log) => log.stop()),
  };
}
