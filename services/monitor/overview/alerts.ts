/**
 * The conditions that an operator should look at. No I/O.
 *
 * @module
 */
import { type Alert, HOP_NAMES, type ProcessSummary } from "../../contract/mod.ts";
import type { MetricStore } from "../metrics/store.ts";
import { recentP99 } from "./hops.ts";
import { ms } from "./processes.ts";
import { grownIn, total } from "./values.ts";

/** What the conditions look back on, microseconds. */
const RECENT_US = 60_000_000;

/** The p99 of the whole path, and of a hop, above which there is an alert, microseconds. */
const MAX_P99_US = 200_000;

/** Hops that are not Hopwire's: those of clients, and of services of one's own. */
const NOT_OURS: readonly string[] = ["client.send", "client.receive", "call"];

/** Share of a minute's frames that may be refused, and errors that are too few to tell. */
const MAX_ERROR_RATE = 0.05;
const MIN_ERRORS = 5;

/** Messages of the log that may wait for the archive. It stores some thousands a second. */
const MAX_ARCHIVE_LAG = 5_000;

/** A condition that holds. */
type Condition = Pick<Alert, "name" | "text">;

/** Follows the conditions: since when does each hold? */
export interface Alerts {
  /** Returns those that hold now. */
  current(processes: readonly ProcessSummary[]): Alert[];
}

/** Starts to follow the conditions. */
export function followAlerts(store: MetricStore): Alerts {
  let since = new Map<string, number>();
  return {
    current(processes) {
      const now = store.now();
      const found = conditionsOf(store, processes);
      since = new Map(found.map(({ name }) => [name, since.get(name) ?? now]));
      return found.map((condition) => ({ ...condition, since: since.get(condition.name)! }));
    },
  };
}

function conditionsOf(store: MetricStore, processes: readonly ProcessSummary[]): Condition[] {
  return [
    ...delays(store),
    ...processConditions(processes),
    ...refusals(store),
    ...archive(store),
  ];
}

function delays(store: MetricStore): Condition[] {
  const found: Condition[] = [];
  const steps = Math.max(1, Math.round(RECENT_US / store.step));
  const delivery = recentP99(store, store.series("hopwire.delivery.duration"), steps);
  if ((delivery.p99 ?? 0) > MAX_P99_US) {
    found.push({
      name: "Delivery is slow",
      text: `Delivery takes ${ms(delivery.p99!)} (p99 of ${delivery.count} in the last minute).`,
    });
  }
  const hops = store.series("hopwire.hop.duration");
  for (const hop of HOP_NAMES) {
    if (NOT_OURS.includes(hop)) continue;
    const series = hops.filter(({ attributes }) => attributes.hop === hop);
    const { count, p99 } = recentP99(store, series, steps);
    if ((p99 ?? 0) <= MAX_P99_US) continue;
    found.push({
      name: `${hop} is slow`,
      text: `${hop} takes ${ms(p99!)} (p99 of ${count} in the last minute).`,
    });
  }
  return found;
}

function processConditions(processes: readonly ProcessSummary[]): Condition[] {
  return processes.flatMap(({ service, instance, state, reason }): Condition[] => {
    // Most instances are named after their service.
    const who = instance.startsWith(service) ? instance : `${service} ${instance}`.trim();
    if (state === "lost") return [{ name: `${who} is lost`, text: `It ${reason}.` }];
    return state === "degraded"
      ? [{ name: `${who} is degraded`, text: sentence(reason ?? "") }]
      : [];
  });
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

function refusals(store: MetricStore): Condition[] {
  const found: Condition[] = [];
  const steps = Math.max(1, Math.round(RECENT_US / store.step));
  const errors = grownIn(store, "hopwire.errors", steps);
  const frames = grownIn(store, "hopwire.frames.received", steps);
  if (errors >= MIN_ERRORS && errors > MAX_ERROR_RATE * frames) {
    const share = Math.round(errors / Math.max(frames, errors) * 100);
    found.push({
      name: "Many errors",
      text: `${share} % of the frames of the last minute were answered with an error (${errors}).`,
    });
  }
  const slow = grownIn(store, "hopwire.slow_consumers", steps);
  if (slow > 0) {
    found.push({
      name: "Slow consumers",
      text: `${slow} connections were closed in the last minute because clients read too slowly.`,
    });
  }
  return found;
}

function archive(store: MetricStore): Condition[] {
  const found: Condition[] = [];
  const lag = total(store, "hopwire.archive.lag");
  if (lag > MAX_ARCHIVE_LAG) {
    found.push({
      name: "The archive lags behind",
      text: `${lag} messages of the log are not archived yet.`,
    });
  }
  const holes = total(store, "hopwire.archive.holes.unexplained");
  if (holes > 0) {
    found.push({
      name: "Unexplained holes",
      text: `${holes} messages are in neither log nor archive, for no known reason.`,
    });
  }
  return found;
}
