/**
 * The metrics of webhooks.
 *
 * @module
 */
import { CountByKey, type Duration, durations, observe, observeValue } from "../kit/mod.ts";

/** Combinations that are remembered; more are rare. */
const MAX_KNOWN = 1_000;

/** Events that endpoints acknowledged, that were sent in vain, and that were given up. */
export const delivered = new CountByKey("hopwire.webhooks.delivered", "endpoint");
/** See {@link delivered}. */
export const failed = new CountByKey("hopwire.webhooks.failed", "endpoint");
/** See {@link delivered}. */
export const dead = new CountByKey("hopwire.webhooks.dead", "endpoint");
/** Counts what left its stream before it was sent to an endpoint. */
export const missed = new CountByKey("hopwire.webhooks.missed", "endpoint");

const requestDurations = durations("hopwire.webhooks.request.duration");

/** What records, by endpoint and outcome: a status, or one of two words. There are a hundred endpoints at most. */
const known = new Map<string, Duration>();

/** Records how long a request took. */
export function requestTook(seconds: number, endpoint: string, outcome: string): void {
  const key = `${endpoint} ${outcome}`;
  let duration = known.get(key);
  if (duration === undefined) {
    duration = requestDurations.of({ endpoint, outcome });
    if (known.size < MAX_KNOWN) known.set(key, duration);
  }
  duration.record(seconds);
}

const waiting = new Map<string, number>();
observe("hopwire.webhooks.waiting", (report) => {
  for (const [endpoint, count] of waiting) report(count, { endpoint });
});

/** Tells how many events wait for an endpoint; undefined if there is no such endpoint any more. */
export function setWaiting(endpoint: string, count: number | undefined): void {
  if (count === undefined) waiting.delete(endpoint);
  else waiting.set(endpoint, count);
}

let changes: () => number = () => 0;
let left = 0;
observeValue("hopwire.webhooks.presence.waiting", () => changes());
observeValue("hopwire.webhooks.presence.left_out", () => left);

/** Says how many changes of presence wait. Returns a function that ends it. */
export function setChanges(read: () => number): () => void {
  changes = read;
  return () => {
    if (changes === read) changes = () => 0;
  };
}

/** Counts a change that was left out because too many waited. */
export function leftOut(): void {
  left++;
}
