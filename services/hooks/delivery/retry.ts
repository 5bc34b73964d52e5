/**
 * When an event is tried again, and when it is given up. No I/O.
 *
 * @module
 */
import type { WebhookEndpoint } from "../../contract/mod.ts";

/** Attempts that an event has in any case, however old it is. */
const MIN_ATTEMPTS = 3;

/** How much longer each delay is than the one before. */
const FACTOR = 3;

/**
 * Returns the delay before the next attempt, milliseconds, after so many. A part of it is random: half of it
 * at most.
 */
export function retryDelay(
  attempts: number,
  { firstDelayMs, maxDelayMs }: Pick<WebhookEndpoint["retry"], "firstDelayMs" | "maxDelayMs">,
  random: () => number = Math.random,
): number {
  const delay = Math.min(maxDelayMs, firstDelayMs * FACTOR ** Math.min(attempts - 1, 40));
  return Math.round(delay * (0.5 + random() / 2));
}

/** Whether an event that was sent so often, and is so old, is given up. */
export function isGivenUp(
  attempts: number,
  ageMs: number,
  { maxAttempts, maxAgeHours }: Pick<WebhookEndpoint["retry"], "maxAttempts" | "maxAgeHours">,
): boolean {
  return attempts >= maxAttempts ||
    (attempts >= Math.min(MIN_ATTEMPTS, maxAttempts) && ageMs > maxAgeHours * 3_600_000);
}
