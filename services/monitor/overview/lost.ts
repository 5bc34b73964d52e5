/**
 * When a process counts as lost. No I/O.
 *
 * @module
 */
import type { ProcessMetrics } from "../metrics/store.ts";

/** Exports that a process may miss. */
const MISSED_EXPORTS = 3;

/** The shortest and the longest interval of exports that this expects, microseconds. */
const MIN_INTERVAL_US = 2_000_000;
const MAX_INTERVAL_US = 60_000_000;

/** How long after it was lost a process still counts when another of its service has come, microseconds. */
const REPLACED_US = 30_000_000;

/** Whether a process has exported nothing for three intervals. */
export function isLost(process: ProcessMetrics, at: number): boolean {
  const interval = Math.min(MAX_INTERVAL_US, Math.max(MIN_INTERVAL_US, process.interval));
  return at - process.lastSeen > MISSED_EXPORTS * interval;
}

/**
 * Whether a lost process is of no interest any more: another one of its service began to export after it
 * stopped, as in a rolling restart.
 */
export function isReplaced(
  process: ProcessMetrics,
  all: readonly ProcessMetrics[],
  at: number,
): boolean {
  if (!isLost(process, at) || at - process.lastSeen < REPLACED_US) return false;
  return all.some((other) =>
    other.service === process.service && !isLost(other, at) &&
    other.firstSeen > process.lastSeen - REPLACED_US
  );
}
