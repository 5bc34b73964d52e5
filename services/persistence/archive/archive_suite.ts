/**
 * The tests that every archive must pass, whatever its database.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Archive } from "./archive.ts";
import {
  append,
  begin,
  EPOCH,
  pageQuery,
  row,
  rows,
  seqPairs,
  takeLease,
} from "./archive_fixtures.ts";
import { writerTests } from "./archive_writer_suite.ts";
import { retentionTests } from "./archive_retention_suite.ts";

/** Opens connections to one archive, which is initially empty. */
export interface ArchiveUnderTest extends AsyncDisposable {
  open(): Promise<Archive>;
}

/** A test of the suite: an archive with an empty generation, and the term of its lease. */
export type SuiteTest = (archive: Archive, term: number, under: ArchiveUnderTest) => Promise<void>;

/** Registers the suite under `name`. `start` creates an archive for one test. */
export function archiveSuite(
  name: string,
  start: () => Promise<ArchiveUnderTest>,
  options: { ignore?: boolean } = {},
): void {
  const test = (what: string, run: SuiteTest) =>
    Deno.test({
      name: `${name}: ${what}`,
      ignore: options.ignore ?? false,
      async fn() {
        await using under = await start();
        const archive = await under.open();
        try {
          const term = await takeLease(archive);
          await begin(archive, term);
          await run(archive, term, under);
        } finally {
          await archive.close();
        }
      },
    });

  test("an empty archive returns empty pages", async (archive) => {
    const empty = { messages: [], more: false, trimmedTo: 0, position: 0 };
    assert.deepEqual(await archive.page(pageQuery()), empty);
    assert.deepEqual(await archive.page(pageQuery({ after: 5 })), empty);
    assert.deepEqual(await archive.page(pageQuery({ epoch: "other" })), empty);
    assert.deepEqual(await archive.rooms(null, 10), []);
    assert.deepEqual(await archive.heads(EPOCH, ["lobby", "hall"]), [0, 0]);
  });

  test("events come back as they were, each with the seq before it", async (archive, term) => {
    const odd = row(4, "lobby", {
      event: JSON.stringify({
        content: "ünï©ode 日本語 👩‍👩‍👧 \u2028 \u0000 \ud800 {\"},{'\\",
      }),
    });
    const full = row(9, "lobby", { event: JSON.stringify({ content: "é".repeat(16_384) }) });
    await append(archive, term, [row(1), row(2, "other"), odd, full]);
    const { messages, position } = await archive.page(pageQuery({ after: 0 }));
    assert.deepEqual(messages, [
      { seq: 1, prev: 0, event: row(1).event },
      { seq: 4, prev: 1, event: odd.event },
      { seq: 9, prev: 4, event: full.event },
    ]);
    assert.equal(position, 9);
  });

  test("logs and rooms do not mix", async (archive, term) => {
    await append(archive, term, [row(1), row(2, "chat.lobby"), row(3)]);
    await begin(archive, term, "e2");
    await append(archive, term, [row(1), row(7)], { epoch: "e2" });
    assert.deepEqual(await seqPairs(archive), [[[3, 1], [1, 0]], false]);
    assert.deepEqual(await seqPairs(archive, { epoch: "e2" }), [[[7, 1], [1, 0]], false]);
    assert.deepEqual(await seqPairs(archive, { room: "chat.lobby" }), [[[2, 0]], false]);
    assert.deepEqual(await archive.rooms(null, 10), [
      { epoch: "e1", room: "chat.lobby" },
      { epoch: "e1", room: "lobby" },
      { epoch: "e2", room: "lobby" },
    ]);
    assert.deepEqual(await archive.rooms({ epoch: "e1", room: "chat.lobby" }, 1), [
      { epoch: "e1", room: "lobby" },
    ]);
    const rooms = ["chat.lobby", "nowhere", "lobby"];
    assert.deepEqual(await archive.heads("e1", rooms), [2, 0, 3]);
    assert.deepEqual(await archive.heads("e2", rooms), [0, 0, 7]);
  });

  test("single rows are found by room and seq", async (archive, term) => {
    await append(archive, term, [row(1), row(2, "hall"), row(3), row(4), row(5)]);
    const keys = [{ room: "lobby", seq: 3 }, { room: "lobby", seq: 2 }, { room: "hall", seq: 2 }];
    const found = await archive.rows(EPOCH, keys);
    assert.deepEqual(found.sort((a, b) => a.seq - b.seq), [row(2, "hall"), row(3)]);
    assert.deepEqual(await archive.rows(EPOCH, []), []);
    assert.deepEqual(await archive.seqs({ epoch: EPOCH, room: "lobby" }, 2, 4, 9), [3, 4]);
    assert.deepEqual(await archive.seqs({ epoch: EPOCH, room: "lobby" }, 1, 9, 2), [1, 3]);
  });

  test("pages lead forwards to the end and backwards to the beginning", async (archive, term) => {
    await append(archive, term, rows(...Array.from({ length: 25 }, (_, i) => i * 2 + 1)));
    const forwards: number[] = [];
    let cursor = 0;
    for (let more = true; more;) {
      const page = await archive.page(pageQuery({ after: cursor, limit: 10 }));
      for (const { seq, prev } of page.messages) {
        assert.equal(prev, forwards.at(-1) ?? 0);
        forwards.push(seq);
      }
      cursor = forwards.at(-1)!;
      more = page.more;
    }
    assert.deepEqual(forwards, Array.from({ length: 25 }, (_, i) => i * 2 + 1));

    const backwards: number[] = [];
    let before: number | undefined;
    for (let more = true; more;) {
      const page = await archive.page(pageQuery({ before, limit: 5 }));
      for (const { seq, prev } of page.messages) {
        assert.equal(prev, seq === 1 ? 0 : seq - 2);
        backwards.push(seq);
      }
      before = backwards.at(-1)!;
      more = page.more;
    }
    assert.deepEqual(backwards, forwards.toReversed());
    assert.deepEqual(await seqPairs(archive, { before: 1 }), [[], false]);
    assert.deepEqual(await seqPairs(archive, { after: 49 }), [[], false]);
    assert.deepEqual(await seqPairs(archive, { after: 4, before: 9 }), [[[5, 3], [7, 5]], false]);
  });

  test("a page is bounded in bytes, but holds at least one message", async (archive, term) => {
    const big = (seq: number) => row(seq, "lobby", { event: JSON.stringify("é".repeat(100)) });
    await append(archive, term, [1, 2, 3, 4].map(big));
    const size = 202;
    assert.deepEqual(await seqPairs(archive, { after: 0, maxBytes: size * 2 }), [
      [[1, 0], [2, 1]],
      true,
    ]);
    assert.deepEqual(await seqPairs(archive, { maxBytes: size * 3 - 1 }), [[[4, 3], [3, 2]], true]);
    assert.deepEqual(await seqPairs(archive, { maxBytes: 10 }), [[[4, 3]], true]);
    assert.deepEqual(await seqPairs(archive, { after: 3, maxBytes: 10 }), [[[4, 3]], false]);
    assert.deepEqual(await seqPairs(archive, { maxBytes: size * 4 }), [
      [[4, 3], [3, 2], [2, 1], [1, 0]],
      false,
    ]);
  });

  retentionTests(test);
  writerTests(test);
}
