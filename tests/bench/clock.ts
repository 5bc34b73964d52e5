/**
 * The clock of latencies, and times as texts that messages carry.
 *
 * @module
 */

/** Digits of a time in a content or an id: whole microseconds, padded with zeros. */
export const TIME_DIGITS = 16;

const DIGIT_0 = 48;

/** Returns the current time, microseconds. */
export function clock(): number {
  return Math.round(performance.now() * 1_000);
}

/** Formats a time as contents and ids carry it. */
export function stamp(microseconds: number): string {
  return String(microseconds).padStart(TIME_DIGITS, "0");
}

/** Reads a time at an offset of a buffer, microseconds. */
export function timeAt(buffer: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + TIME_DIGITS; i++) value = value * 10 + buffer[i]! - DIGIT_0;
  return value;
}
