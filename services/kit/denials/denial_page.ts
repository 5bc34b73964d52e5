/**
 * Pages of the denials in force, in the order of their subjects.
 *
 * @module
 */
import { type Denial, MAX_DENIALS_PAGE } from "../../contract/mod.ts";
import type { DenialList } from "./denial_list.ts";

/** One page of denials. */
export interface DenialPage {
  /** The denials of this page. */
  denials: Denial[];
  /** Where the next page continues; absent on the last one. */
  next?: string;
}

/** Returns one page of the denials in force that `fits` accepts, after the subject `after`. */
export function denialPage(
  list: DenialList,
  fits: (denial: Denial) => boolean,
  { after = "", limit = MAX_DENIALS_PAGE }: { after?: string; limit?: number },
): DenialPage {
  const found = [...list.entries()]
    .filter(([subject, { denial }]) => subject > after && list.inForce(denial) && fits(denial))
    .sort(([a], [b]) => a < b ? -1 : 1);
  const page = found.slice(0, limit);
  const denials = page.map(([, { denial }]) => denial);
  return found.length > limit ? { denials, next: page.at(-1)![0] } : { denials };
}
