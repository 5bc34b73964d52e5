/**
 * The histogram of hops, `hopwire.hop.duration`, by namespace. What records is looked for once for each
 * hop, namespace and outcome, because thousands of durations are recorded in a second.
 *
 * @module
 */
import { type HopName, NO_NAMESPACE } from "../../contract/mod.ts";
import { type Duration, durations } from "./instruments.ts";

/** Namespaces that get attributes of their own. A namespaces file rarely has more than ten. */
const MAX_NAMESPACES = 100;

const histogram = durations("hopwire.hop.duration");

/** Records the hops of one namespace. */
export class HopDurations {
  /** The namespace's pattern. */
  readonly namespace: string;
  /** By hop, those that went well, which are nearly all, and by outcome and hop the others. */
  readonly #ok = new Map<string, Duration>();
  readonly #others = new Map<string, Duration>();

  /** Only {@link hopDurationsOf} makes them. */
  constructor(namespace: string) {
    this.namespace = namespace;
  }

  /** Records one hop. `outcome` is an error code, unless all went well. */
  record(hop: HopName, seconds: number, outcome = "ok"): void {
    this.of(hop, outcome).record(seconds);
  }

  /** Returns what records a hop. */
  of(hop: HopName, outcome = "ok"): Duration {
    const map = outcome === "ok" ? this.#ok : this.#others;
    const key = outcome === "ok" ? hop : `${outcome} ${hop}`;
    let duration = map.get(key);
    if (duration === undefined) {
      duration = histogram.of({ hop, namespace: this.namespace, outcome });
      map.set(key, duration);
    }
    return duration;
  }
}

const known = new Map<string, HopDurations>();

/** Returns the recorder of a namespace: a pattern of the namespaces file; undefined for none. */
export function hopDurationsOf(namespace: string = NO_NAMESPACE): HopDurations {
  const one = known.get(namespace);
  if (one !== undefined) return one;
  const name = known.size < MAX_NAMESPACES ? namespace : "other";
  const made = known.get(name) ?? new HopDurations(name);
  known.set(name, made);
  return made;
}
