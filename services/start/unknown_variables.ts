/**
 * Finds environment variables that look like misspelled ones of ours. Only the start command can:
 * a service may read no variable but its own.
 *
 * @module
 */
import { KNOWN_VARIABLES } from "./variables.ts";

/** Shorter names are too common on a developer's machine. */
const MIN_LENGTH = 5;

/** Names shorter than this may differ by one edit only: NATS_CERT is no misspelled NATS_PORT. */
const LONG_NAME = 10;

/**
 * Variables of other programs that are one or two edits from ours, which other programs use as
 * well (`LOG_LEVEL`, `DATABASE_URL`).
 */
const FOREIGN = new Set([
  "DATABASE_URI",
  "DATABASE_URLS",
  "DATADIR",
  "DATA_DIRS",
  "LOGLEVEL",
  "LOG_LEVELS",
  "LOG_FORMATS",
  "SSL_CERT_FILE",
  "SSL_KEY_FILE",
]);

/**
 * Returns one error line for each variable that is nearly one of ours.
 *
 * @example
 * ```ts
 * import { unknownVariables } from "./unknown_variables.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(unknownVariables(["HOME", "MAX_CONECTIONS"]), [
 *   "MAX_CONECTIONS: unknown variable; did you mean MAX_CONNECTIONS?",
 * ]);
 * ```
 */
export function unknownVariables(names: Iterable<string>): string[] {
  const errors: string[] = [];
  for (const name of names) {
    if (name.length < MIN_LENGTH || KNOWN_VARIABLES.has(name) || FOREIGN.has(name)) continue;
    // OpenTelemetry has many variables, which pass through.
    if (name.startsWith("OTEL_")) continue;
    const nearest = nearestOf(name);
    if (nearest !== undefined) {
      errors.push(`${name}: unknown variable; did you mean ${nearest}?`);
    }
  }
  return errors;
}

function nearestOf(name: string): string | undefined {
  let best: { known: string; edits: number } | undefined;
  for (const known of KNOWN_VARIABLES) {
    if (known.length < MIN_LENGTH) continue;
    const most = Math.min(known.length, name.length) < LONG_NAME ? 1 : 2;
    if (Math.abs(known.length - name.length) > most) continue;
    const edits = editDistance(name, known);
    if (edits <= most && edits < (best?.edits ?? Infinity)) best = { known, edits };
  }
  return best?.known;
}

/**
 * The number of insertions, deletions, substitutions and swaps of neighbours between two texts
 * (optimal string alignment).
 */
export function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i++) {
    const [above, twoAbove] = [rows[i - 1]!, rows[i - 2]];
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      let edits = Math.min(
        above[j]! + 1,
        row[j - 1]! + 1,
        above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
      if (twoAbove !== undefined && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, twoAbove[j - 2]! + 1);
      }
      row.push(edits);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
