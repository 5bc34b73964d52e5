/**
 * The counters that sessions raise. No I/O.
 *
 * @module
 */
import type { Fault } from "../../contract/mod.ts";
import { limitOf } from "./refusals.ts";

/** See the module's doc. One per gateway. */
export interface SessionStats {
  /** Frames received, and their bytes. */
  framesIn: number;
  bytesIn: number;
  /** Error frames sent, by code. */
  errors: { add(code: string): void };
  /** What was refused because of a limit, by limit. */
  limited: { add(limit: string): void };
}

/** Counts a frame of `bytes` that was received. */
export function countFrame(stats: SessionStats, bytes: number): void {
  stats.framesIn++;
  stats.bytesIn += bytes;
}

/** Counts an `error` frame. */
export function countRefusal({ errors, limited }: SessionStats, refusal: Fault): void {
  errors.add(refusal.code);
  const limit = limitOf(refusal);
  if (limit !== null) limited.add(limit);
}
