/**
 * Rows and queries for the tests of the archive.
 *
 * @module
 */
import type { Archive, ArchiveRow, Batch, PageQuery } from "./archive.ts";

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
  ...query,
});

/** Takes the lease. Returns its term. */
export async function takeLease(archive: Archive, holder = "test"): Promise<number> {
  const term = await archive.takeLease(holder, await archive.lease());
  if (term === null) throw new Error("the lease has changed");
  return term;
}

/** Begins a generation, by default from seq 1. */
export async function begin(archive: Archive, term: number, epoch = EPOCH, first = 1) {
  await archive.startGeneration(term, epoch, first);
}

/** Appends rows after the position of their generation; the seqs in between become holes. */
export async function append(
  archive: Archive,
  term: number,
  list: readonly ArchiveRow[],
  more: Partial<Batch> = {},
): Promise<void> {
  const epoch = more.epoch ?? EPOCH;
  const { position } = (await archive.generations()).find((one) => one.epoch === epoch)!;
  const to = Math.max(position, ...list.map(({ seq }) => seq));
  await archive.append(term, { epoch, from: position, to, rows: list, holes: [], ...more });
}

/** Reads a page. Returns its [seq, prev] pairs, and whether there are more. */
export async function seqPairs(archive: Archive, query: Partial<PageQuery> = {}) {
  const { messages, more } = await archive.page(pageQuery(query));
  return [messages.map(({ seq, prev }) => [seq, prev]), more];
}
