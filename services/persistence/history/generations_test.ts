import assert from "node:assert/strict";
import { FaultError } from "../../kit/mod.ts";
import type { Archive } from "../archive/archive.ts";
import { append, begin, row, takeLease } from "../archive/archive_fixtures.ts";
import { openSqliteArchive } from "../archive/open_archive.ts";
import type { Snapshot } from "./archive_state.ts";
import { type HistoryQuery, readHistory } from "./generations.ts";

/**
 * Three generations of one room. `a` ends at 9. `b` is a log that was restored from a copy which
 * ended at 5, so both have messages 6 to 8. `c` is an empty log that began after 8.
 */
async function threeGenerations(
  run: (archive: Archive, snapshot: Snapshot) => Promise<void>,
  missing?: number,
) {
  const archive = await openSqliteArchive(":memory:");
  const term = await takeLease(archive);
  const fill = async (epoch: string, first: number, seqs: number[]) => {
    await begin(archive, term, epoch, first);
    const list = seqs.map((seq) => row(seq, "lobby", { event: JSON.stringify(`${epoch}${seq}`) }));
    await append(archive, term, list, { epoch });
  };
  await fill("a", 1, [1, 2, 3, 4, 5, 6, 7, 8, 9].filter((seq) => seq !== missing));
  await fill("b", 6, [6, 7, 8]);
  await fill("c", 9, [10, 11]);
  await run(archive, { generations: await archive.generations(), unexplained: [] });
  await archive.close();
}

/** Reads pages until there are no more, as a client does. */
async function readAll(
  archive: Archive,
  snapshot: Snapshot,
  direction: "up" | "down",
  withEpoch: boolean,
): Promise<string[]> {
  const all: string[] = [];
  let query: HistoryQuery = { room: "lobby", limit: 2, maxBytes: 1e6 };
  if (direction === "up") query.after = 0;
  if (direction === "up" && withEpoch) query.epoch = "a";
  for (let more = true, pages = 0; more; pages++) {
    assert.ok(pages < 20);
    const page = await readHistory(archive, snapshot, query);
    all.push(...page.messages.map(({ event }) => JSON.parse(event)));
    const cursor = page.messages.at(-1)?.seq;
    query = { ...query, ...(withEpoch ? { epoch: page.epoch } : {}) };
    if (cursor !== undefined) query[direction === "up" ? "after" : "before"] = cursor;
    more = page.more;
  }
  return all;
}

const EVERYTHING = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((seq) => `a${seq}`)
  .concat("b6", "b7", "b8", "c10", "c11");
const RISING = ["a1", "a2", "a3", "a4", "a5", "b6", "b7", "b8", "c10", "c11"];

Deno.test("with their epoch, cursors reach every message of every generation, in order", () =>
  threeGenerations(async (archive, snapshot) => {
    assert.deepEqual(await readAll(archive, snapshot, "up", true), EVERYTHING);
    assert.deepEqual(await readAll(archive, snapshot, "down", true), EVERYTHING.toReversed());
  }));

Deno.test("without it, history is one rising sequence, each seq once", () =>
  threeGenerations(async (archive, snapshot) => {
    assert.deepEqual(await readAll(archive, snapshot, "up", false), RISING);
    assert.deepEqual(await readAll(archive, snapshot, "down", false), RISING.toReversed());
  }));

Deno.test("no page spans a hole that nobody has explained", () =>
  threeGenerations(async (archive, snapshot) => {
    const unexplained = [{ epoch: "a", first: 4, last: 4, kind: "unknown" as const }];
    const holed = { ...snapshot, unexplained };
    const read = async (more: Partial<HistoryQuery>) => {
      const query = { room: "lobby", limit: 9, maxBytes: 1e6, epoch: "a", ...more };
      const page = await readHistory(archive, holed, query);
      return [page.messages.map(({ seq }) => seq), page.more];
    };
    assert.deepEqual(await read({ before: 7 }), [[6, 5], true]);
    assert.deepEqual(await read({ after: 1 }), [[2, 3], true]);
    assert.deepEqual(await read({ before: 4 }), [[3, 2, 1], false]);
    const refused = (error: unknown) =>
      error instanceof FaultError && error.fault.code === "unavailable";
    await assert.rejects(read({ before: 5 }), refused);
    await assert.rejects(read({ after: 3 }), refused);
  }, 4));
