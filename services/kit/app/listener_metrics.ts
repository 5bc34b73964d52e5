/**
 * The metrics of listeners. Made when the first one begins, so that no other process exports them.
 *
 * @module
 */
import { CountByKey, observe } from "../telemetry/mod.ts";
import type { LogPlace, Missed } from "../log_place.ts";

const MS_PER_S = 1_000;

/** What is read, and what was missed, by stream. */
const places = new Map<string, LogPlace>();
const missed = new Map<string, number>();

/** Exports how far behind a listener is in a stream. */
export function addListened(stream: string, place: LogPlace): void {
  if (places.size === 0) {
    observe("hopwire.listener.waiting", (report) => {
      for (const [stream, { waiting }] of places) report(waiting, { stream });
    });
    observe("hopwire.listener.delay", (report) => {
      for (const [stream, place] of places) report(place.delay() / MS_PER_S, { stream });
    });
    observe("hopwire.listener.missed", (report) => {
      for (const [stream, count] of missed) report(count, { stream });
    });
  }
  places.set(stream, place);
  if (!missed.has(stream)) missed.set(stream, 0);
}

/** Counts messages that left the log before they were read. */
export function countMissed({ stream, messages }: Missed): void {
  missed.set(stream, (missed.get(stream) ?? 0) + messages);
}

let dropped: CountByKey | undefined;

/** Returns what counts the messages that live listeners drop, by pattern. */
export function droppedMessages(): CountByKey {
  return dropped ??= new CountByKey("hopwire.listener.dropped", "pattern");
}
