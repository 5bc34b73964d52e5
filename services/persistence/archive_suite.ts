/**
 * The tests that every archive must pass, whatever database it is in.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Archive, type ArchiveRow, MAX_TRIM_ROWS, type PageQuery } from "./archive.ts";
import { applyRetention } from "./retention.ts";

/** Opens connections to one and the same archive, empty at first. */
export interface ArchiveUnderTest extends AsyncDisposable {
  open(): Promise<Archive>;
}

const EPOCH = "e1";

/** A row with an event of its own. */
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

const rows = (...seqs: number[]) => seqs.map((seq) => row(seq));

const ask = (query: Partial<PageQuery> = {}): PageQuery => ({
  epoch: EPOCH,
  room: "lobby",
  limit: 100,
  maxBytes: 1_000_000,
  ceiling: 1_000_000,
  ...query,
});

/** The page's [seq, prev] pairs, and whether there is more. */
async function chain(archive: Archive, query: Partial<PageQuery> = {}) {
  const { messages, more } = await archive.page(ask(query));
  return [messages.map(({ seq, prev }) => [seq, prev]), more];
}

/** Registers the suite under `name`. `start` makes an archive for one test. */
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

  test("an empty archive has nothing, of no log", async (archive) => {
    assert.deepEqual(await archive.page(ask()), { messages: [], more: false, trimmedTo: 0 });
    assert.deepEqual(await archive.page(ask({ after: 5 })), {
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
    const { messages } = await archive.page(ask({ after: 0 }));
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
    assert.deepEqual(await chain(archive, { epoch: "e1" }), [[[3, 1], [1, 0]], false]);
    assert.deepEqual(await chain(archive, { epoch: "e2" }), [[[7, 1], [1, 0]], false]);
    assert.deepEqual(await chain(archive, { room: "chat.lobby" }), [[[2, 0]], false]);
    assert.deepEqual(await archive.rooms(null, 10), [
      { epoch: "e1", room: "chat.lobby" },
      { epoch: "e1", room: "lobby" },
      { epoch: "e2", room: "lobby" },
    ]);
    assert.deepEqual(await archive.rooms({ epoch: "e1", room: "chat.lobby" }, 1), [
      { epoch: "e1", room: "lobby" },
    ]);
  });

  test("rows appended again change nothing", async (archive) => {
    await archive.append(EPOCH, rows(1, 2, 3));
    await archive.append(EPOCH, [row(2, "lobby", { event: "{}" }), row(3), row(4)]);
    const { messages } = await archive.page(ask({ after: 0 }));
    assert.deepEqual(messages.map(({ event }) => event), rows(1, 2, 3, 4).map((r) => r.event));
  });

  test("a batch is stored whole or not at all", async (archive) => {
    const broken = row(2, "lobby", { event: null as unknown as string });
    await assert.rejects(archive.append(EPOCH, [row(1), broken, row(3)]));
    assert.deepEqual(await chain(archive), [[], false]);
    assert.equal(await archive.lastSeq(EPOCH), null);
    await archive.append(EPOCH, rows(1, 2, 3));
    assert.deepEqual(await chain(archive), [[[3, 2], [2, 1], [1, 0]], false]);
  });

  test("whatever order batches come in, the order is the log's", async (archive) => {
    await archive.append(EPOCH, rows(7, 8));
    await archive.append(EPOCH, rows(3, 1));
    await archive.append(EPOCH, rows(5, 7));
    assert.deepEqual(await chain(archive, { after: 0 }), [
      [[1, 0], [3, 1], [5, 3], [7, 5], [8, 7]],
      false,
    ]);
    assert.equal(await archive.lastSeq(EPOCH), 8);
  });

  test("nothing above the ceiling is shown", async (archive) => {
    await archive.append(EPOCH, rows(1, 3, 7));
    assert.deepEqual(await chain(archive, { ceiling: 5 }), [[[3, 1], [1, 0]], false]);
    assert.deepEqual(await chain(archive, { after: 1, ceiling: 5 }), [[[3, 1]], false]);
    assert.deepEqual(await chain(archive, { ceiling: 0 }), [[], false]);
    assert.deepEqual(await chain(archive, { before: 7, ceiling: 7 }), [[[3, 1], [1, 0]], false]);
  });

  test("pages forwards to the end, and backwards to the beginning", async (archive) => {
    await archive.append(EPOCH, rows(...Array.from({ length: 25 }, (_, i) => i * 2 + 1)));
    const forwards: number[] = [];
    let cursor = 0;
    for (let more = true; more;) {
      const page = await archive.page(ask({ after: cursor, limit: 10 }));
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
      const page = await archive.page(ask({ before, limit: 5 }));
      for (const { seq, prev } of page.messages) {
        assert.equal(prev, seq === 1 ? 0 : seq - 2);
        backwards.push(seq);
      }
      before = backwards.at(-1)!;
      more = page.more;
    }
    assert.deepEqual(backwards, forwards.toReversed());
    assert.deepEqual(await chain(archive, { before: 1 }), [[], false]);
    assert.deepEqual(await chain(archive, { after: 49 }), [[], false]);
    assert.deepEqual(await chain(archive, { after: 4, before: 9 }), [[[5, 3], [7, 5]], false]);
  });

  test("a page holds no more bytes than it may, but one message always", async (archive) => {
    const big = (seq: number) => row(seq, "lobby", { event: JSON.stringify("é".repeat(100)) });
    await archive.append(EPOCH, [1, 2, 3, 4].map(big));
    const size = 202;
    assert.deepEqual(await chain(archive, { after: 0, maxBytes: size * 2 }), [
      [[1, 0], [2, 1]],
      true,
    ]);
    assert.deepEqual(await chain(archive, { maxBytes: size * 3 - 1 }), [[[4, 3], [3, 2]], true]);
    assert.deepEqual(await chain(archive, { maxBytes: 10 }), [[[4, 3]], true]);
    assert.deepEqual(await chain(archive, { after: 3, maxBytes: 10 }), [[[4, 3]], false]);
    assert.deepEqual(await chain(archive, { maxBytes: size * 4 }), [
      [[4, 3], [3, 2], [2, 1], [1, 0]],
      false,
    ]);
  });

  test("retention by count keeps the newest, and their order", async (archive) => {
    await archive.append(EPOCH, [...rows(1, 3, 5, 7, 9), row(2, "other"), row(4, "other")]);
    const rules = [{ pattern: "lobby", maxMessages: 2 }];
    assert.equal(await applyRetention(archive, rules, 0), 3);
    assert.deepEqual(await archive.page(ask({ after: 0 })), {
      messages: [{ seq: 7, prev: 5, event: row(7).event }, {
        seq: 9,
        prev: 7,
        event: row(9).event,
      }],
      more: false,
      trimmedTo: 5,
    });
    assert.deepEqual(await chain(archive), [[[9, 7], [7, 5]], false]);
    assert.deepEqual(await chain(archive, { room: "other" }), [[[4, 2], [2, 0]], false]);
    assert.equal(await applyRetention(archive, rules, 0), 0);
  });

  test("retention by age takes what the log stored before, oldest first", async (archive) => {
    const at = (seq: number, storedAt: number) => row(seq, "lobby", { storedAt });
    // The clock of the log's machine was set back once: 3 is as old as the rest, but behind 2.
    await archive.append(EPOCH, [at(1, 10_000), at(2, 60_000), at(3, 10_000), at(4, 70_000)]);
    const rules = [{ pattern: ">", maxAge: 30 }];
    assert.equal(await applyRetention(archive, rules, 50_000), 1);
    assert.deepEqual(await chain(archive), [[[4, 3], [3, 2], [2, 1]], false]);
    assert.equal(await applyRetention(archive, rules, 95_000), 2);
    assert.deepEqual(await chain(archive), [[[4, 3]], false]);
    assert.equal(await applyRetention(archive, rules, 1_000_000), 1);
    assert.deepEqual(await archive.page(ask({ after: 3 })), {
      messages: [],
      more: false,
      trimmedTo: 4,
    });
    await archive.append(EPOCH, rows(6));
    assert.deepEqual(await chain(archive), [[[6, 4]], false]);
    assert.equal(await archive.lastSeq(EPOCH), 6);
  });

  test("the first rule that names a room holds, and no rule keeps everything", async (archive) => {
    await archive.append(EPOCH, [
      ...[1, 2, 3].map((seq) => row(seq, "chat.a")),
      ...[4, 5, 6].map((seq) => row(seq, "chat.b")),
      ...[7, 8, 9].map((seq) => row(seq, "other")),
    ]);
    assert.equal(await applyRetention(archive, [], 1e12), 0);
    const rules = [
      { pattern: "chat.a" },
      { pattern: "chat.*", maxAge: 1_000, maxMessages: 2 },
    ];
    assert.equal(await applyRetention(archive, rules, 2_000), 1);
    assert.deepEqual(await chain(archive, { room: "chat.a" }), [[[3, 2], [2, 1], [1, 0]], false]);
    assert.deepEqual(await chain(archive, { room: "chat.b" }), [[[6, 5], [5, 4]], false]);
    assert.deepEqual(await chain(archive, { room: "other" }), [[[9, 8], [8, 7], [7, 0]], false]);
  });

  test("retention of more than one step takes all of it", async (archive) => {
    const many = MAX_TRIM_ROWS * 2 + 10;
    await archive.append(EPOCH, Array.from({ length: many }, (_, i) => row(i + 1)));
    assert.deepEqual(await archive.trim([{ epoch: EPOCH, room: "lobby", keep: 5 }]), {
      removed: MAX_TRIM_ROWS,
      more: true,
    });
    assert.equal(await applyRetention(archive, [{ pattern: "*", maxMessages: 5 }], 0), 1_005);
    assert.equal((await archive.page(ask())).messages.length, 5);
  });

  test("retention goes through more rooms than one step has", async (archive) => {
    const names = Array.from({ length: 250 }, (_, i) => `r${i}`);
    await archive.append(
      EPOCH,
      names.flatMap((room, i) => [row(2 * i + 1, room), row(2 * i + 2, room)]),
    );
    assert.equal(await applyRetention(archive, [{ pattern: ">", maxMessages: 1 }], 0), 250);
    assert.deepEqual(await chain(archive, { room: "r249" }), [[[500, 499]], false]);
  });

  test("what retention took does not come back when it is delivered again", async (archive) => {
    await archive.append(EPOCH, rows(1, 2, 3));
    await applyRetention(archive, [{ pattern: ">", maxMessages: 1 }], 0);
    await archive.append(EPOCH, rows(1, 2, 3, 4));
    assert.deepEqual(await chain(archive, { after: 0 }), [[[3, 2], [4, 3]], false]);
  });

  test("what the log lost is told as taken, but shows what it has", async (archive) => {
    await archive.append(EPOCH, rows(1, 2));
    await archive.markLost(EPOCH, 6);
    assert.equal(await archive.lastSeq(EPOCH), 6);
    await archive.append(EPOCH, rows(8));
    const page = await archive.page(ask());
    assert.deepEqual(page.messages.map(({ seq }) => seq), [8, 2, 1]);
    assert.equal(page.trimmedTo, 6);
    assert.equal(await archive.lastSeq(EPOCH), 8);
    await archive.markLost("fresh", 3);
    assert.equal(await archive.lastSeq("fresh"), 3);
  });

  test("seqs of an end that the log has lost are free for others", async (archive) => {
    await archive.append(EPOCH, rows(1, 2, 3, 4));
    assert.equal(await archive.setAside(EPOCH, 2), 2);
    assert.equal(await archive.lastSeq(EPOCH), 2);
    assert.equal(await archive.setAside(EPOCH, 2), 0);
    const other = row(3, "lobby", { event: '{"content":"other"}' });
    await archive.append(EPOCH, [other]);
    const { messages } = await archive.page(ask({ after: 1 }));
    assert.deepEqual(messages, [
      { seq: 2, prev: 1, event: row(2).event },
      { seq: 3, prev: 2, event: other.event },
    ]);
    const kept = (await archive.rooms(null, 10)).find(({ epoch }) => epoch !== EPOCH)!;
    assert.match(kept.epoch, /^e1~/);
    assert.deepEqual((await archive.page(ask({ epoch: kept.epoch }))).messages.length, 2);
  });

  test(
    "two connections that append the same rows at once store each once",
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
          const { messages } = await second.page(ask({ room, after: 0, limit: 500 }));
          messages.forEach(({ prev }, i) => assert.equal(prev, messages[i - 1]?.seq ?? 0));
          seqs.push(...messages.map(({ seq }) => seq));
        }
        assert.deepEqual(seqs.sort((a, b) => a - b), Array.from({ length: 500 }, (_, i) => i + 1));
      } finally {
        await second.close();
      }
    },
  );

  test("what was appended is there after it is opened again", async (archive, under) => {
    await archive.append(EPOCH, rows(1, 2));
    const second = await under.open();
    try {
      assert.deepEqual(await chain(second), [[[2, 1], [1, 0]], false]);
    } finally {
      await second.close();
    }
  });
}
