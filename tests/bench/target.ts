/**
 * What the bench measures: a server side that is running, whatever it is made of.
 *
 * @module
 */
import { tokenFor } from "../harness/system.ts";
import type { Groups } from "./processes.ts";
import type { Ticket, Wire } from "./wire.ts";

/** A running target. */
export interface Target extends AsyncDisposable {
  readonly name: string;
  /** The ports that accept clients. Those of several processes if they do not share one. */
  readonly ports: number[];
  /** Its processes. The one that clients connect to is called `gateway` in each target. */
  readonly groups: Groups;
  readonly wire: Wire;
  /** Whether a client can resume from a position. */
  readonly resumes: boolean;
}

/** Options for starting a target. */
export interface TargetOptions {
  /** The cores that all of its processes run on. */
  cores: number[];
  /** The number of processes that accept clients. */
  gateways?: number;
  /** Variables for all services of Hopwire. */
  env?: Record<string, string>;
}

/** Returns what each of `count` clients needs to connect, each with its own token. */
export function ticketsFor(wire: Wire, name: string, count: number, first = 0): Promise<Ticket[]> {
  return Promise.all(
    Array.from(
      { length: count },
      async (_, index) => wire.ticket(await tokenFor(`${name}-${first + index}`)),
    ),
  );
}
