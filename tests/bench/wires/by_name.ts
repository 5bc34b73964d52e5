/**
 * Wire protocols by name, for load processes.
 *
 * @module
 */
import type { Wire } from "../wire.ts";
import { CENTRIFUGO_WIRE } from "./centrifugo_wire.ts";
import { HOPWIRE_WIRE } from "./hopwire_wire.ts";

/** Returns the wire protocol with a name. */
export function wireNamed(name: string): Wire {
  const found = [HOPWIRE_WIRE, CENTRIFUGO_WIRE].find((wire) => wire.name === name);
  if (found === undefined) throw new Error(`no wire protocol is named ${name}`);
  return found;
}
