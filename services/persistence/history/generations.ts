/**
 * Reads history across generations, as one sequence: a page holds messages of one generation, and
 * the next page goes on in the generation before, or after.
 *
 * A cursor is a seq, and the epoch it belongs to if the client names one. Without an epoch a seq
 * means the newest generation that reaches below it. That is exact as long as seqs rise from one
 * generation to the next; where the log was restored from an older copy, such a cursor leaves out
 * the messages that only the older generation has, and never mixes the two.
 *
 * @module
 */
import { FaultError } from "../../kit/mod.ts";
import type { Archive, ArchivePage, Generation, PageQuery } from "../archive/archive.ts";
import type { Snapshot } from "./archive_state.ts";

/** A query of history: {@link PageQuery}, with or without an epoch. */
export interface HistoryQuery extends Omit<PageQuery, "epoch"> {
  /** The epoch of `before` or `after`. */
  epoch?: string;
}

/** A page, and the generation that it belongs to. */
export interface HistoryPageFound extends ArchivePage {
  epoch: string;
}

/**
 * Reads a page. It is never of another generation than the next in line, and never spans a hole that
 * nobody has explained.
 *
 * @throws {FaultError} `unavailable` if the page would begin with such a hole
 */
export async function readHistory(
  archive: Pick<Archive, "page">,
  snapshot: Snapshot,
  query: HistoryQuery,
): Promise<HistoryPageFound> {
  return query.after === undefined
    ? await readDown(archive, snapshot, query)
    : await readUp(archive, snapshot, query, query.after);
}

async function readDown(
  archive: Pick<Archive, "page">,
  snapshot: Snapshot,
  query: HistoryQuery,
): Promise<HistoryPageFound> {
  const { generations } = snapshot;
  let { before } = query;
  let i = indexOf(generations, query.epoch);
  if (i === undefined) {
    i = generations.length - 1;
    while (i > 0 && before !== undefined && before <= generations[i]!.firstSeq) i--;
  }
  for (;; i--, before = undefined) {
    const generation = generations[i]!;
    const page = await readOne(archive, snapshot, generation, { ...query, before });
    if (page.messages.length > 0 || i === 0) {
      return { ...page, more: page.more || i > 0, epoch: generation.epoch };
    }
  }
}

async function readUp(
  archive: Pick<Archive, "page">,
  snapshot: Snapshot,
  query: HistoryQuery,
  after: number,
): Promise<HistoryPageFound> {
  const { generations } = snapshot;
  const named = indexOf(generations, query.epoch);
  let i = named ?? 0;
  if (named === undefined) {
    while (i < generations.length - 1 && generations[i + 1]!.firstSeq <= after + 1) i++;
  }
  for (;; i++, after = 0) {
    const generation = generations[i]!;
    const next = generations[i + 1];
    // Without an epoch, the next generation takes over where it begins.
    const before = named === undefined && next !== undefined
      ? Math.min(query.before ?? Infinity, next.firstSeq)
      : query.before;
    const page = await readOne(archive, snapshot, generation, {
      ...query,
      after,
      ...(before === undefined ? {} : { before }),
    });
    if (page.messages.length > 0 || next === undefined) {
      return { ...page, more: page.more || next !== undefined, epoch: generation.epoch };
    }
  }
}

function indexOf(generations: readonly Generation[], epoch: string | undefined) {
  const found = generations.findIndex((generation) => generation.epoch === epoch);
  return found < 0 ? undefined : found;
}

/** Reads a page of one generation and cuts it at the first unexplained hole. */
async function readOne(
  archive: Pick<Archive, "page">,
  { unexplained }: Snapshot,
  { epoch }: Generation,
  query: HistoryQuery,
): Promise<ArchivePage> {
  const page = await archive.page({ ...query, epoch });
  if (unexplained.length === 0 || page.messages.length === 0) return page;
  const holes = unexplained.filter((hole) => hole.epoch === epoch);
  const rising = query.after !== undefined;
  let cursor = rising ? query.after! : query.before ?? page.position + 1;
  let count = 0;
  for (const { seq } of page.messages) {
    const [low, high] = rising ? [cursor, seq] : [seq, cursor];
    if (holes.some(({ first, last }) => first < high && last > low)) break;
    cursor = seq;
    count++;
  }
  if (count === page.messages.length) return page;
  if (count > 0) return { ...page, messages: page.messages.slice(0, count), more: true };
  throw new FaultError("unavailable", "messages are missing here, and nobody knows why", 5_000);
}
