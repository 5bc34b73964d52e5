/**
 * The tests of retention that every archive must pass.
 *
 * @module
 */
import assert from "node:assert/strict";
import { applyRetention, dueAt, visibleNow } from "../retention/retention.ts";
import { MAX_TRIM_ROWS } from "./archive.ts";
import { append, EPOCH, pageQuery, row, rows, seqPairs } from "./archive_fixtures.ts";
import type { SuiteTest } from "./archive_suite.ts";

/** Registers the tests. `test` registers one test. */
export function retentionTests(test: (name: string, run: SuiteTest) => void): void {
  test("retention by count keeps the newest messages", async (archive, term) => {
    const others = [row(2, "other"), row(4, "other")];
    await append(archive, term, [...rows(1, 3, 5, 7, 9), ...others]);
    const rules = [{ pattern: "lobby", maxMessages: 2 }];
    const kept = {
      messages: [{ seq: 7, prev: 5, event: row(7).event }, {
        seq: 9,
        prev: 7,
        event: row(9).event,
      }],
      more: false,
      trimmedTo: 5,
      position: 9,
    };
    // History shows it at once.
    assert.deepEqual(
      await archive.page(pageQuery({ after: 0, ...visibleNow(rules, "lobby", 0) })),
      kept,
    );
    assert.deepEqual(await seqPairs(archive, { keep: 2 }), [[[9, 7], [7, 5]], false]);
    assert.equal(await applyRetention(archive, term, rules, 0), 3);
    assert.deepEqual(await archive.page(pageQuery({ after: 0 })), kept);
    assert.deepEqual(await seqPairs(archive), [[[9, 7], [7, 5]], false]);
    assert.deepEqual(await seqPairs(archive, { room: "other" }), [[[4, 2], [2, 0]], false]);
    assert.equal(await applyRetention(archive, term, rules, 0), 0);
  });

  test("retention by age deletes by storage time, oldest first", async (archive, term) => {
    const at = (seq: number, storedAt: number) => row(seq, "lobby", { storedAt });
    // The server's clock was set back once: 3 has the time of 1, but follows 2.
    await append(archive, term, [at(1, 10_000), at(2, 60_000), at(3, 10_000), at(4, 70_000)]);
    const rules = [{ pattern: ">", maxAge: 30 }];
    const seen = (now: number) => seqPairs(archive, visibleNow(rules, "lobby", now));
    for (
      const [now, removed, left] of [
        [50_000, 1, [[4, 3], [3, 2], [2, 1]]],
        [95_000, 2, [[4, 3]]],
        [1_000_000, 1, []],
      ] as const
    ) {
      assert.deepEqual(await seen(now), [left, false]);
      assert.equal(await applyRetention(archive, term, rules, now), removed);
      assert.deepEqual(await seqPairs(archive), [left, false]);
    }
    assert.equal((await archive.page(pageQuery({ after: 3 }))).trimmedTo, 4);
    await append(archive, term, rows(6));
    assert.deepEqual(await seqPairs(archive), [[[6, 4]], false]);
    assert.deepEqual(await archive.heads(EPOCH, ["lobby"]), [6]);
  });

  test("the first matching rule applies, and no rule keeps everything", async (archive, term) => {
    await append(archive, term, [
      ...[1, 2, 3].map((seq) => row(seq, "chat.a")),
      ...[4, 5, 6].map((seq) => row(seq, "chat.b")),
      ...[7, 8, 9].map((seq) => row(seq, "other")),
    ]);
    assert.equal(await applyRetention(archive, term, [], 1e12), 0);
    const rules = [
      { pattern: "chat.a" },
      { pattern: "chat.*", maxAge: 1_000, maxMessages: 2 },
    ];
    // Rules that have changed since the last run apply to every room.
    assert.equal(await applyRetention(archive, term, rules, 2_000), 1);
    assert.deepEqual(await seqPairs(archive, { room: "chat.a" }), [
      [[3, 2], [2, 1], [1, 0]],
      false,
    ]);
    assert.deepEqual(await seqPairs(archive, { room: "chat.b" }), [[[6, 5], [5, 4]], false]);
    assert.deepEqual(await seqPairs(archive, { room: "other" }), [[[9, 8], [8, 7], [7, 0]], false]);
  });

  test("retention runs as many steps as needed", async (archive, term) => {
    const many = MAX_TRIM_ROWS * 2 + 10;
    await append(archive, term, Array.from({ length: many }, (_, i) => row(i + 1)));
    const target = { epoch: EPOCH, room: "lobby", now: 5, keep: 5 };
    assert.equal(await archive.trim(term, target), MAX_TRIM_ROWS);
    assert.deepEqual(await archive.due(5, 9), [{ epoch: EPOCH, room: "lobby" }]);
    assert.equal(
      await applyRetention(archive, term, [{ pattern: "*", maxMessages: 5 }], 5),
      1_005,
    );
    assert.equal((await archive.page(pageQuery())).messages.length, 5);
    assert.deepEqual(await archive.due(1e12, 9), []);
  });

  test("retention visits more rooms than one step holds", async (archive, term) => {
    const names = Array.from({ length: 250 }, (_, i) => `r${i}`);
    const list = names.flatMap((room, i) => [row(2 * i + 1, room), row(2 * i + 2, room)]);
    await append(archive, term, list);
    assert.equal(await applyRetention(archive, term, [{ pattern: ">", maxMessages: 1 }], 0), 250);
    assert.deepEqual(await seqPairs(archive, { room: "r249" }), [[[500, 499]], false]);
  });

  test("retention looks only at rooms that have changed or are due", async (archive, term) => {
    const rules = [{ pattern: "old", maxAge: 10 }, { pattern: "few", maxMessages: 1 }];
    assert.equal(await applyRetention(archive, term, rules, 0), 0);
    const looked: string[] = [];
    const trim = archive.trim.bind(archive);
    archive.trim = (term, target) => {
      looked.push(target.room);
      return trim(term, target);
    };
    const list = [row(1, "old"), row(2, "few"), row(3, "few"), row(4, "kept")];
    const due = list.flatMap(({ room, storedAt }) => {
      const at = dueAt(rules, room, storedAt);
      return at === null ? [] : [{ room, at }];
    });
    await append(archive, term, list, { due });
    assert.equal(await applyRetention(archive, term, rules, 5_000), 1);
    assert.deepEqual(looked, ["few"]);
    assert.equal(await applyRetention(archive, term, rules, 11_001), 0);
    assert.equal(await applyRetention(archive, term, rules, 11_002), 1);
    assert.deepEqual(looked, ["few", "old"]);
    assert.deepEqual(await archive.due(1e12, 9), []);
  });
}
