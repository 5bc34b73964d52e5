/**
 * What the hooks' test and its page know of each other. It imports nothing of React, whose types would
 * declare those of a browser for all tests.
 *
 * @module
 */
import type { Hopwire } from "../../../client/mod.ts";

/** What the page shows. */
export interface View {
  /** The names of the rooms; each has a component. A name may be there twice. */
  rooms: string[];
}

/** What the test uses of the page. */
export interface PageScope {
  hop: Hopwire;
  /** Shows rooms; null unmounts all. */
  show(view: View | null): void;
  /** How many listeners of rooms there are. */
  listeners(): number;
}
