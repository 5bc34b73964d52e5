/**
 * The tests of writing that every archive must pass: the lease, batches, holes and repairs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { SEQS_PER_STREAM } from "../../contract/mod.ts";
import { type Hole, LeaseLost, PositionMoved, type RowKey } from "./archive.ts";
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
import type { SuiteTest } from "./archive_suite.ts";

/** Registers the tests. `test` registers one test. */
export function writerTests(test: (name: string, run: SuiteTest) => void): void {
  const positionOf = async (archive: Parameters<SuiteTest>[0], epoch = EPOCH) =>
    (await archive.generations()).find((one) => one.epoch === epoch)!.position;

  test("a batch and its position are stored together or not at all", async (archive, term) => {
    const broken = row(2, "lobby", { event: null as unknown as string });
    await assert.rejects(append(archive, term, [row(1), broken, row(3)]));
    assert.deepEqual(await seqPairs(archive), [[], false]);
    assert.equal(await positionOf(archive), 0);
    const mark = { seq: 3, time: "1000000003", hash: "ab" };
    await append(archive, term, rows(1, 2, 3), { mark });
    assert.deepEqual(await seqPairs(archive), [[[3, 2], [2, 1], [1, 0]], false]);
    assert.deepEqual(await archive.generations(), [
      { epoch: EPOCH, firstSeq: 1, position: 3, mark, unverified: false },
    ]);
    // A row is never overwritten.
    await assert.rejects(append(archive, term, rows(3), { to: 4 }));
    assert.equal(await positionOf(archive), 3);
  });

  test("a batch that does not begin at the position is refused", async (archive, term) => {
    await append(archive, term, rows(1, 2));
    const batch = { epoch: EPOCH, from: 1, to: 5, rows: rows(5), holes: [] };
    await assert.rejects(archive.append(term, batch), PositionMoved);
    await assert.rejects(archive.append(term, { ...batch, from: 2, epoch: "?" }), PositionMoved);
    assert.deepEqual(await seqPairs(archive), [[[2, 1], [1, 0]], false]);
  });

  test("one instance holds the lease, and only it can write", async (archive, term, under) => {
    const other = await under.open();
    try {
      const seen = await other.lease();
      assert.deepEqual([seen.holder, seen.term], ["test", term]);
      // The holder is alive: the lease has been renewed since.
      await archive.renewLease(term);
      assert.equal(await other.takeLease("other", seen), null);
      const next = await other.takeLease("other", await other.lease());
      assert.equal(next, term + 1);
      await assert.rejects(append(archive, term, rows(1)), LeaseLost);
      await assert.rejects(archive.renewLease(term), LeaseLost);
      await assert.rejects(archive.releaseLease(term), LeaseLost);
      await assert.rejects(archive.repair(term, EPOCH, rows(1)), LeaseLost);
      await assert.rejects(archive.startGeneration(term, "e2", 1), LeaseLost);
      await append(other, next!, rows(1));
      await other.releaseLease(next!);
      assert.equal((await archive.lease()).holder, "");
    } finally {
      await other.close();
    }
  });

  test("of many that take the lease at once, one gets it", async (archive, _, under) => {
    const seen = await archive.lease();
    const others = await Promise.all(Array.from({ length: 5 }, () => under.open()));
    try {
      const terms = await Promise.all(others.map((one, i) => one.takeLease(`${i}`, seen)));
      assert.equal(terms.filter((term) => term !== null).length, 1);
    } finally {
      await Promise.all(others.map((one) => one.close()));
    }
  });

  test("generations are listed in the order in which they began", async (archive, term) => {
    await append(archive, term, rows(1, 2));
    await begin(archive, term, "a", 3);
    await begin(archive, term, "b", 10);
    const found = await archive.generations();
    assert.deepEqual(found.map(({ epoch, firstSeq, position }) => [epoch, firstSeq, position]), [
      [EPOCH, 1, 2],
      ["a", 3, 2],
      ["b", 10, 9],
    ]);
    await assert.rejects(begin(archive, term, "a", 20));
  });

  test("holes are recorded with their cause, and can be explained", async (archive, term) => {
    const holes: Hole[] = [
      { first: 2, last: 4, kind: "expired" },
      { first: 6, last: 7, kind: "unknown" },
      { first: 9, last: 9, kind: "deleted" },
    ];
    await append(archive, term, rows(1, 5, 8, 10), { holes });
    assert.deepEqual(await archive.holes(EPOCH, 1, 10, 9), holes);
    assert.deepEqual(await archive.holes(EPOCH, 4, 6, 9), holes.slice(0, 2));
    assert.deepEqual(await archive.holes(EPOCH, 1, 10, 1), holes.slice(0, 1));
    assert.deepEqual(await archive.unexplained(9), [{ ...holes[1]!, epoch: EPOCH }]);
    // Nobody has these messages, for whatever reason.
    assert.equal((await archive.page(pageQuery())).trimmedTo, 9);
    const found = { rows: rows(6), holes: [{ first: 7, last: 7, kind: "expired" as const }] };
    await archive.resolveHole(term, EPOCH, holes[1]!, found);
    assert.deepEqual(await archive.unexplained(9), []);
    assert.deepEqual(await seqPairs(archive, { after: 5, limit: 2 }), [[[6, 5], [8, 6]], true]);
    // A hole that somebody else has explained stays as it is.
    await archive.resolveHole(term, EPOCH, holes[1]!, { rows: rows(7), holes: [] });
    assert.deepEqual(await archive.seqs({ epoch: EPOCH, room: "lobby" }, 7, 7, 1), []);
  });

  test("streams that were one share what they had, and nothing else", async (archive, term) => {
    const far = SEQS_PER_STREAM;
    const old: Hole = { first: 2, last: 3, kind: "expired" };
    await append(archive, term, rows(1, 4), { holes: [old] });
    assert.deepEqual([await archive.streamCounts(), await archive.wantStreams(2)], [[1], 2]);
    assert.equal(await archive.wantStreams(1), 2);
    const child = archive.of("ROOMS_1", 2);
    const both = { stream: "ROOMS_1", count: 2, epoch: EPOCH, parentEnd: 4, mark: null };
    for (const more of [2, 5]) await archive.divide(term, { ...both, position: far + more });
    assert.deepEqual(await archive.streamCounts(), [2, 2]);
    assert.deepEqual(
      (await child.generations()).map(({ epoch, firstSeq, position }) => {
        return [epoch, firstSeq, position];
      }),
      [[EPOCH, 1, far + 5]],
    );
    // Both go on.
    const childTerm = await takeLease(child);
    const holes: [Hole, Hole] = [
      { first: 5, last: 8, kind: "deleted" },
      { first: far + 6, last: far + 6, kind: "unknown" },
    ];
    await append(archive, term, [row(9, "hall")], { holes: [holes[0]] });
    await append(child, childTerm, [row(far + 7)], { holes: [holes[1]] });
    assert.deepEqual(await archive.holes(EPOCH, 1, 9 * far, 9), [old, holes[0]]);
    assert.deepEqual(await child.holes(EPOCH, 1, 9 * far, 9), [old, holes[1]]);
    assert.deepEqual(await archive.unexplained(9), []);
    assert.deepEqual(await child.unexplained(9), [{ ...holes[1], epoch: EPOCH }]);
    const page = await child.page(pageQuery());
    assert.deepEqual(
      [page.messages.map(({ seq, prev }) => [seq, prev]), page.trimmedTo, page.position],
      [[[far + 7, far + 6], [4, 1], [1, 0]], far + 6, far + 7],
    );
    const hall = await archive.page(pageQuery({ room: "hall" }));
    assert.deepEqual([hall.trimmedTo, hall.position], [8, 9]);
    assert.deepEqual(await archive.heads(EPOCH, ["lobby", "hall"]), [far + 7, 9]);
    // One of them is divided again.
    const third = { stream: "ROOMS_3", count: 4, epoch: EPOCH, mark: null };
    const place = { parentEnd: far + 7, position: 3 * far };
    await child.divide(childTerm, { ...third, ...place });
    const counts = await archive.streamCounts();
    assert.deepEqual([counts[0], counts[1], counts[3], counts.length], [2, 4, 4, 4]);
    const grandchild = archive.of("ROOMS_3", 4);
    assert.deepEqual(await grandchild.holes(EPOCH, 1, 9 * far, 9), [old, holes[1]]);
    await child.resolveHole(childTerm, EPOCH, holes[1], { rows: rows(far + 6), holes: [] });
    assert.deepEqual(await grandchild.unexplained(9), []);
    await assert.rejects(archive.divide(term + 1, { ...both, position: far + 9 }), LeaseLost);
  });

  test("a repair inserts and replaces rows, except deleted ones", async (archive, term) => {
    await append(archive, term, [row(1), row(3), row(4), row(6, "hall")]);
    await archive.trim(term, { epoch: EPOCH, room: "hall", now: 1e12, maxAge: 1 });
    const other = row(4, "lobby", { event: '{"content":"other"}' });
    await archive.repair(term, EPOCH, [row(2), other, row(6, "hall")]);
    assert.deepEqual(await seqPairs(archive), [[[4, 3], [3, 2], [2, 1], [1, 0]], false]);
    assert.equal((await archive.rows(EPOCH, [other]))[0]!.event, other.event);
    assert.deepEqual(await seqPairs(archive, { room: "hall" }), [[], false]);
    assert.deepEqual(await archive.trimMarks(EPOCH, ["lobby", "hall"]), [0, 6]);
  });

  test("all rows can be read in order, part by part", async (archive, term) => {
    await append(archive, term, [row(1), row(2, "hall"), row(3), row(4, "zoo")]);
    const places: string[] = [];
    let after: RowKey | null = null;
    for (;;) {
      const part: RowKey[] = await archive.scan(after, 2);
      if (part.length === 0) break;
      places.push(...part.map(({ epoch, room, seq }) => `${epoch} ${room} ${seq}`));
      after = part.at(-1)!;
    }
    assert.deepEqual(places, ["e1 hall 2", "e1 lobby 1", "e1 lobby 3", "e1 zoo 4"]);
  });

  test("settings are kept", async (archive, term) => {
    assert.equal(await archive.setting("colour"), null);
    await archive.writeSetting(term, "colour", "red");
    await archive.writeSetting(term, "colour", "blue");
    assert.equal(await archive.setting("colour"), "blue");
  });

  test("what was appended is there after reopening", async (archive, term, under) => {
    await append(archive, term, rows(1, 2));
    const second = await under.open();
    try {
      assert.deepEqual(await seqPairs(second), [[[2, 1], [1, 0]], false]);
      const next = await takeLease(second, "second");
      await append(second, next, rows(3));
    } finally {
      await second.close();
    }
    assert.deepEqual(await seqPairs(archive, { after: 1 }), [[[2, 1], [3, 2]], false]);
  });
}
