/**
 * Rows and queries for the tests of the archive.
 *
 * @module
 */
import type { Archive, ArchiveRow, PageQuery } from "./archive.ts";

/** The epoch that the tests use by default. */
export const EPOCH = "e1";

/** Makes a row with a distinct event. */
export function row(seq: number, room = "lobby", more: Partial<ArchiveRow> = {}): ArchiveRow {
  const event = JSON.stringify({
    room,
    id: `m${seq}`,
    userId: "ann",
    username: "Ann",
    content: `text ${seq}`,
    timestamp: 1_000 + seq,
  });
  return { seq, room, storedAt: 1_000 + seq, event, ...more };
}

/** Makes rows of the room "lobby". */
export const rows = (...seqs: number[]) => seqs.map((seq) => row(seq));

/** Makes a query that by default selects the newest messages of "lobby". */
export const pageQuery = (query: Partial<PageQuery> = {}): PageQuery => ({
  epoch: EPOCH,
  room: "lobby",
  limit: 100,
  maxBytes: 1_000_000,
  ceiling: 1_000_000,
  ...query,
});

/** Reads a page. Returns its [seq, prev] pairs, and whether there are more. */
export async function seqPairs(archive: Archive, query: Partial<PageQuery> = {}) {
  const { messages, more } = await archive.page(pageQuery(query));
  return [messages.map(({ seq, prev }) => [seq, prev]), more];
}
