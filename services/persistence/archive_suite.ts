/**
 * The tests that every archive must pass, whatever its database.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Archive } from "./archive.ts";
import { EPOCH, pageQuery, row, rows, seqPairs } from "./archive_fixtures.ts";
import { retentionTests } from "./archive_retention_suite.ts";

/** Opens connections to one archive, which is initially empty. */
export interface ArchiveUnderTest extends AsyncDisposable {
  open(): Promise<Archive>;
}

/** Registers the suite under `name`. `start` creates an archive for one test. */
export function archiveSuite(
  name: string,
  start: () => Promise<ArchiveUnderTest>,
  options: { ignore?: boolean } = {},
): void {
  const test = (what: string, run: (archive: Archive, under: ArchiveUnderTest) => Promise<void>) =>
    Deno.test({
      name: `${name}: ${what}`,
      ignore: options.ignore ?? false,
      async fn() {
        await using under = await start();
        const archive = await under.open();
        try {
          await run(archive, under);
        } finally {
          await archive.close();
        }
      },
    });

  test("an empty archive returns empty pages", async (archive) => {
    assert.deepEqual(await archive.page(pageQuery()), { messages: [], more: false, trimmedTo: 0 });
    assert.deepEqual(await archive.page(pageQuery({ after: 5 })), {
      messages: [],
      more: false,
      trimmedTo: 0,
    });
    assert.equal(await archive.lastSeq(EPOCH), null);
    assert.deepEqual(await archive.rooms(null, 10), []);
    await archive.append(EPOCH, []);
    assert.equal(await archive.lastSeq(EPOCH), null);
  });

  test("events come back as they were, each with the seq before it", async (archive) => {
    const odd = row(4, "lobby", {
      event: JSON.stringify({
        content: "ünï©ode 日本語 👩‍👩‍👧 \u2028 \u0000 \ud800 {\"},{'\\",
      }),
    });
    const full = row(9, "lobby", { event: JSON.stringify({ content: "é".repeat(16_384) }) });
    await archive.append(EPOCH, [row(1), row(2, "other"), odd, full]);
    const { messages } = await archive.page(pageQuery({ after: 0 }));
    assert.deepEqual(messages, [
      { seq: 1, prev: 0, event: row(1).event },
      { seq: 4, prev: 1, event: odd.event },
      { seq: 9, prev: 4, event: full.event },
    ]);
    assert.equal(await archive.lastSeq(EPOCH), 9);
  });

  test("logs and rooms do not mix", async (archive) => {
    await archive.append("e1", [row(1), row(2, "chat.lobby"), row(3)]);
    await archive.append("e2", [row(1), row(7)]);
    assert.deepEqual(await seqPairs(archive, { epoch: "e1" }), [[[3, 1], [1, 0]], false]);
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
  });

  test("appending rows again changes nothing", async (archive) => {
    await archive.append(EPOCH, rows(1, 2, 3));
    await archive.append(EPOCH, [row(2, "lobby", { event: "{}" }), row(3), row(4)]);
    const { messages } = await archive.page(pageQuery({ after: 0 }));
    assert.deepEqual(messages.map(({ event }) => event), rows(1, 2, 3, 4).map((r) => r.event));
  });

  test("a batch is stored completely or not at all", async (archive) => {
    const broken = row(2, "lobby", { event: null as unknown as string });
    await assert.rejects(archive.append(EPOCH, [row(1), broken, row(3)]));
    assert.deepEqual(await seqPairs(archive), [[], false]);
    assert.equal(await archive.lastSeq(EPOCH), null);
    await archive.append(EPOCH, rows(1, 2, 3));
    assert.deepEqual(await seqPairs(archive), [[[3, 2], [2, 1], [1, 0]], false]);
  });

  test("pages are in log order, whatever the order of batches", async (archive) => {
    await archive.append(EPOCH, rows(7, 8));
    await archive.append(EPOCH, rows(3, 1));
    await archive.append(EPOCH, rows(5, 7));
    assert.deepEqual(await seqPairs(archive, { after: 0 }), [
      [[1, 0], [3, 1], [5, 3], [7, 5], [8, 7]],
      false,
    ]);
    assert.equal(await archive.lastSeq(EPOCH), 8);
  });

  test("pages hold nothing above the ceiling", async (archive) => {
    await archive.append(EPOCH, rows(1, 3, 7));
    assert.deepEqual(await seqPairs(archive, { ceiling: 5 }), [[[3, 1], [1, 0]], false]);
    assert.deepEqual(await seqPairs(archive, { after: 1, ceiling: 5 }), [[[3, 1]], false]);
    assert.deepEqual(await seqPairs(archive, { ceiling: 0 }), [[], false]);
    assert.deepEqual(await seqPairs(archive, { before: 7, ceiling: 7 }), [[[3, 1], [1, 0]], false]);
  });

  test("pages lead forwards to the end and backwards to the beginning", async (archive) => {
    await archive.append(EPOCH, rows(...Array.from({ length: 25 }, (_, i) => i * 2 + 1)));
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

  test("a page is bounded in bytes, but holds at least one message", async (archive) => {
    const big = (seq: number) => row(seq, "lobby", { event: JSON.stringify("é".repeat(100)) });
    await archive.append(EPOCH, [1, 2, 3, 4].map(big));
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

  test("lost messages raise trimmedTo, and pages show what remains", async (archive) => {
    await archive.append(EPOCH, rows(1, 2));
    await archive.markLost(EPOCH, 6);
    assert.equal(await archive.lastSeq(EPOCH), 6);
    await archive.append(EPOCH, rows(8));
    const page = await archive.page(pageQuery());
    assert.deepEqual(page.messages.map(({ seq }) => seq), [8, 2, 1]);
    assert.equal(page.trimmedTo, 6);
    assert.equal(await archive.lastSeq(EPOCH), 8);
    await archive.markLost("fresh", 3);
    assert.equal(await archive.lastSeq("fresh"), 3);
  });

  test("after a quarantine the log may reuse the seqs", async (archive) => {
    await archive.append(EPOCH, rows(1, 2, 3, 4));
    assert.equal(await archive.quarantine(EPOCH, 2), 2);
    assert.equal(await archive.lastSeq(EPOCH), 2);
    assert.equal(await archive.quarantine(EPOCH, 2), 0);
    const other = row(3, "lobby", { event: '{"content":"other"}' });
    await archive.append(EPOCH, [other]);
    const { messages } = await archive.page(pageQuery({ after: 1 }));
    assert.deepEqual(messages, [
      { seq: 2, prev: 1, event: row(2).event },
      { seq: 3, prev: 2, event: other.event },
    ]);
    const kept = (await archive.rooms(null, 10)).find(({ epoch }) => epoch !== EPOCH)!;
    assert.match(kept.epoch, /^e1~/);
    assert.deepEqual((await archive.page(pageQuery({ epoch: kept.epoch }))).messages.length, 2);
  });

  test(
    "two connections that append the same rows concurrently store each once",
    async (archive, under) => {
      const second = await under.open();
      try {
        const batches = Array.from(
          { length: 10 },
          (_, b) => Array.from({ length: 50 }, (_, i) => row(b * 50 + i + 1, `r${i % 3}`)),
        );
        await Promise.all([
          ...batches.map((batch) => archive.append(EPOCH, batch)),
          ...batches.map((batch) => second.append(EPOCH, batch.toReversed())),
        ]);
        const seqs: number[] = [];
        for (const room of ["r0", "r1", "r2"]) {
          const { messages } = await second.page(pageQuery({ room, after: 0, limit: 500 }));
          messages.forEach(({ prev }, i) => assert.equal(prev, messages[i - 1]?.seq ?? 0));
          seqs.push(...messages.map(({ seq }) => seq));
        }
        assert.deepEqual(seqs.sort((a, b) => a - b), Array.from({ length: 500 }, (_, i) => i + 1));
      } finally {
        await second.close();
      }
    },
  );

  test("appended rows are there after reopening", async (archive, under) => {
    await archive.append(EPOCH, rows(1, 2));
    const second = await under.open();
    try {
      assert.deepEqual(await seqPairs(second), [[[2, 1], [1, 0]], false]);
    } finally {
      await second.close();
    }
  });
}
