/**
 * Makes a page of the archive from the rows that a database returns.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { ArchivePage, PageQuery } from "./archive.ts";

/** What a database returns for {@link assemblePage}. */
export interface RawPage {
  /** In page order: `limit` rows and one more, or up to the first row that exceeds `maxBytes`. */
  rows: { seq: number; event: string }[];
  /** The room's seq before the lowest one that could be in the page; 0 if there is none. */
  before: number;
  /** Retention has deleted, or hides, everything up to this seq. */
  trimmed: number;
  /** The log lost messages up to this seq. */
  lost: number;
  position: number;
}

/** Cuts the rows to the requested page and derives the `prev` of each message. */
export function assemblePage(
  query: Pick<PageQuery, "limit" | "maxBytes" | "after">,
  raw: RawPage,
): ArchivePage {
  const { rows, trimmed } = raw;
  let bytes = 0;
  let count = 0;
  while (count < rows.length && count < query.limit) {
    bytes += Buffer.byteLength(rows[count]!.event);
    if (count > 0 && bytes > query.maxBytes) break;
    count++;
  }
  const oldest = Math.max(raw.before, trimmed);
  const rising = query.after !== undefined;
  const messages = rows.slice(0, count).map(({ seq, event }, i) => {
    const prev = (rising ? rows[i - 1] : rows[i + 1])?.seq ?? oldest;
    // What was lost may have been of this room: then the one before it is not the last one.
    return { seq, prev: seq > raw.lost ? Math.max(prev, raw.lost) : prev, event };
  });
  return {
    messages,
    more: rows.length > count,
    trimmedTo: Math.max(trimmed, raw.lost),
    position: raw.position,
  };
}
