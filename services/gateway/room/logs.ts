/**
 * The streams of the log that this gateway follows. The first one tells how many there are. Their number can
 * be raised: then each is divided, and the gateway follows the new stream before it takes rooms to be there.
 *
 * @module
 */
import {
  childrenOf,
  LOG_CHANGED,
  LogChanged,
  parentOf,
  ROOMS_STREAM,
  ROOMS_STREAMS,
  roomsStream,
  streamIndexOf,
} from "../../contract/mod.ts";
import { type Bus, subscribe } from "../../kit/mod.ts";
import type { Log } from "./log.ts";
import { followLog } from "./log_identity.ts";

/** How often a stream that is about to take rooms is looked at, milliseconds. */
const AGAIN_MS = 100;

/** The whole log, as far as a gateway knows it. */
export interface Logs {
  /** Whether all streams have been found since the last (re)connect to NATS; see {@link Log}. */
  readonly found: boolean;
  /** Whether rooms are about to be looked for in a new stream. */
  readonly dividing: boolean;
  /** Returns the stream of a room. Before the log has been found it may be another one. */
  of(room: string): Log;
  /** Resolves when all streams have been found, or after `deadline` milliseconds without one of them. */
  waitUntilFound(deadline: number): Promise<void>;
  /** Registers a callback for each reconnect to NATS that found the same log. */
  onReconnected(callback: () => void): void;
  /** Registers a callback for a stream that was replaced or has lost messages. It gets the reason. */
  onReplaced(callback: (reason: string, log: Log) => void): void;
  /** Registers a callback for rooms that are in another stream than before. */
  onMoved(callback: () => void): void;
  /** Stops looking for the streams. */
  stop(): void;
}

/** Follows all streams of the log. */
export function followLogs(bus: Bus): Logs {
  const reconnected: (() => void)[] = [];
  const replaced: ((reason: string, log: Log) => void)[] = [];
  const moved: (() => void)[] = [];
  /** By their numbers, which may have gaps while streams are divided. */
  const logs: Log[] = [];
  /** How many streams each one counts, as far as rooms are looked for in it. */
  const counts: number[] = [];
  /** New streams that do not store messages yet, or are not known: their rooms are looked for where they were. */
  const awaited = new Set<number>();
  let again: ReturnType<typeof setTimeout> | undefined;

  const found = () =>
    counts.length > 0 && logs.every((log, index) => log.found || awaited.has(index));
  const follow = (index: number) => {
    const log = logs[index] = followLog(bus, roomsStream(index), () => inspected(index, log));
    log.onReplaced((reason) => {
      if (logs[index] === log) replaced.forEach((callback) => callback(reason, log));
    });
    log.onReconnected(() => {
      if (logs[index] !== log) return;
      if (awaited.has(index)) adopt();
      else if (found()) reconnected.forEach((callback) => callback());
    });
  };
  /** A stream has been read. */
  const inspected = (index: number, log: Log) => {
    if (logs[index] !== log) return;
    const count = log.streams!;
    const known = counts[index];
    if (known !== undefined && count < known) return startOver();
    const children = childrenOf(index, count);
    for (const child of children) {
      if (logs[child] !== undefined) continue;
      if (known !== undefined) awaited.add(child);
      follow(child);
    }
    for (const child of awaited) {
      if (parentOf(child) !== index || children.includes(child)) continue;
      // The stream has taken its rooms back.
      awaited.delete(child);
      logs[child]!.stop();
      delete logs[child];
    }
    adopt();
  };
  /** Looks for rooms in new streams that store them and have been found. */
  const adopt = () => {
    for (const child of awaited) {
      // One that counts no other stores no messages yet.
      if (logs[child]!.found && logs[child]!.streams! > 1) awaited.delete(child);
    }
    if (awaited.size > 0) again ??= setTimeout(lookAgain, AGAIN_MS);
    let changed = false;
    for (const [index, log] of logs.entries()) {
      const count = log?.streams ?? null;
      const known = counts[index];
      if (count === null || count === known) continue;
      if (known !== undefined && childrenOf(index, count).some((one) => awaited.has(one))) continue;
      counts[index] = count;
      changed ||= known !== undefined;
    }
    if (changed) moved.forEach((callback) => callback());
  };
  const lookAgain = () => {
    again = undefined;
    for (const child of awaited) {
      for (const index of [child, parentOf(child)!]) logs[index]?.checkIdentity(true);
    }
    if (awaited.size > 0) again = setTimeout(lookAgain, AGAIN_MS);
  };
  /** Fewer streams are those of another system: an operator has replaced everything. */
  const startOver = () => {
    for (const log of logs.splice(1)) log?.stop();
    counts.length = 0;
    awaited.clear();
    const [first] = logs as [Log];
    if (first.streams !== null) inspected(0, first);
    replaced.forEach((callback) => callback("the log has another number of streams", first));
  };
  follow(0);
  // Of a stream that nobody follows: another one has been divided.
  const changes = subscribe(bus, LOG_CHANGED, LogChanged, ({ stream = ROOMS_STREAM }) => {
    if (logs[ROOMS_STREAMS.indexOf(stream)] === undefined) {
      logs.forEach((log) => log.checkIdentity(true));
    }
  });

  return {
    get found() {
      return found();
    },
    get dividing() {
      return awaited.size > 0;
    },
    of: (room) => logs[streamIndexOf(room, counts)] ?? logs[0]!,
    async waitUntilFound(deadline) {
      const end = performance.now() + deadline;
      const left = () => Math.max(0, end - performance.now());
      await logs[0]!.waitUntilFound(deadline);
      await Promise.all(
        logs.map((log, index) => awaited.has(index) ? undefined : log.waitUntilFound(left())),
      );
    },
    onReconnected: (callback) => void reconnected.push(callback),
    onReplaced: (callback) => void replaced.push(callback),
    onMoved: (callback) => void moved.push(callback),
    stop() {
      changes.unsubscribe();
      clearTimeout(again);
      logs.forEach((log) => log.stop());
    },
  };
}
