/**
 * The tests of retention that every archive must pass.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Archive, MAX_TRIM_ROWS } from "./archive.ts";
import { EPOCH, pageQuery, row, rows, seqPairs } from "./archive_fixtures.ts";
import { applyRetention } from "./retention.ts";

/** Registers the tests. `test` registers one test, which receives an empty archive. */
export function retentionTests(
  test: (name: string, run: (archive: Archive) => Promise<void>) => void,
): void {
  test("retention by count keeps the newest messages", async (archive) => {
    await archive.append(EPOCH, [...rows(1, 3, 5, 7, 9), row(2, "other"), row(4, "other")]);
    const rules = [{ pattern: "lobby", maxMessages: 2 }];
    assert.equal(await applyRetention(archive, rules, 0), 3);
    assert.deepEqual(await archive.page(pageQuery({ after: 0 })), {
      messages: [{ seq: 7, prev: 5, event: row(7).event }, {
        seq: 9,
        prev: 7,
        event: row(9).event,
      }],
      more: false,
      trimmedTo: 5,
    });
    assert.deepEqual(await seqPairs(archive), [[[9, 7], [7, 5]], false]);
    assert.deepEqual(await seqPairs(archive, { room: "other" }), [[[4, 2], [2, 0]], false]);
    assert.equal(await applyRetention(archive, rules, 0), 0);
  });

  test("retention by age deletes by storage time, oldest first", async (archive) => {
    const at = (seq: number, storedAt: number) => row(seq, "lobby", { storedAt });
    // The server's clock was set back once: 3 has the time of 1, but follows 2.
    await archive.append(EPOCH, [at(1, 10_000), at(2, 60_000), at(3, 10_000), at(4, 70_000)]);
    const rules = [{ pattern: ">", maxAge: 30 }];
    assert.equal(await applyRetention(archive, rules, 50_000), 1);
    assert.deepEqual(await seqPairs(archive), [[[4, 3], [3, 2], [2, 1]], false]);
    assert.equal(await applyRetention(archive, rules, 95_000), 2);
    assert.deepEqual(await seqPairs(archive), [[[4, 3]], false]);
    assert.equal(await applyRetention(archive, rules, 1_000_000), 1);
    assert.deepEqual(await archive.page(pageQuery({ after: 3 })), {
      messages: [],
      more: false,
      trimmedTo: 4,
    });
    await archive.append(EPOCH, rows(6));
    assert.deepEqual(await seqPairs(archive), [[[6, 4]], false]);
    assert.equal(await archive.lastSeq(EPOCH), 6);
  });

  test("the first matching rule applies, and no rule keeps everything", async (archive) => {
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
    assert.deepEqual(await seqPairs(archive, { room: "chat.a" }), [
      [[3, 2], [2, 1], [1, 0]],
      false,
    ]);
    assert.deepEqual(await seqPairs(archive, { room: "chat.b" }), [[[6, 5], [5, 4]], false]);
    assert.deepEqual(await seqPairs(archive, { room: "other" }), [[[9, 8], [8, 7], [7, 0]], false]);
  });

  test("retention runs as many steps as needed", async (archive) => {
    const many = MAX_TRIM_ROWS * 2 + 10;
    await archive.append(EPOCH, Array.from({ length: many }, (_, i) => row(i + 1)));
    assert.deepEqual(await archive.trim([{ epoch: EPOCH, room: "lobby", keep: 5 }]), {
      removed: MAX_TRIM_ROWS,
      more: true,
    });
    assert.equal(await applyRetention(archive, [{ pattern: "*", maxMessages: 5 }], 0), 1_005);
    assert.equal((await archive.page(pageQuery())).messages.length, 5);
  });

  test("retention visits more rooms than one step holds", async (archive) => {
    const names = Array.from({ length: 250 }, (_, i) => `r${i}`);
    await archive.append(
      EPOCH,
      names.flatMap((room, i) => [row(2 * i + 1, room), row(2 * i + 2, room)]),
    );
    assert.equal(await applyRetention(archive, [{ pattern: ">", maxMessages: 1 }], 0), 250);
    assert.deepEqual(await seqPairs(archive, { room: "r249" }), [[[500, 499]], false]);
  });

  test("redelivery does not restore what retention deleted", async (archive) => {
    await archive.append(EPOCH, rows(1, 2, 3));
    await applyRetention(archive, [{ pattern: ">", maxMessages: 1 }], 0);
    await archive.append(EPOCH, rows(1, 2, 3, 4));
    assert.deepEqual(await seqPairs(archive, { after: 0 }), [[[3, 2], [4, 3]], false]);
  });
}
