/**
 * The histogram of hops, `hopwire.hop.duration`, by namespace. Objects of attributes are made once for each
 * hop, namespace and outcome, because thousands of durations are recorded in a second.
 *
 * @module
 */
import { type HopName, NO_NAMESPACE } from "../../contract/mod.ts";
import { type Attributes, durations } from "./instruments.ts";

/** Namespaces that get attributes of their own. A namespaces file rarely has more than ten. */
const MAX_NAMESPACES = 100;

const histogram = durations("hopwire.hop.duration");

/** Records the hops of one namespace. */
export class HopDurations {
  /** The namespace's pattern. */
  readonly namespace: string;
  readonly #attributes = new Map<string, Map<string, Attributes>>();

  /** Only {@link hopDurationsOf} makes them. */
  constructor(namespace: string) {
    this.namespace = namespace;
  }

  /** Records one hop. `outcome` is an error code, unless all went well. */
  record(hop: HopName, seconds: number, outcome = "ok"): void {
    let outcomes = this.#attributes.get(hop);
    if (outcomes === undefined) this.#attributes.set(hop, outcomes = new Map());
    let attributes = outcomes.get(outcome);
    if (attributes === undefined) {
      outcomes.set(outcome, attributes = { hop, namespace: this.namespace, outcome });
    }
    histogram.record(seconds, attributes);
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
