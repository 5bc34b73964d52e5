import assert from "node:assert/strict";
import { withVirtualTime } from "../../tests/harness/virtual_time.ts";
import { batcherOf, ids } from "./batcher_suite.ts";
import { FaultError } from "./fault_error.ts";

Deno.test("requests of one turn travel together, up to the size of a batch", () =>
  withVirtualTime(async (time) => {
    const { batches, results, submit, sent } = batcherOf({
      maxBatch: 3,
      maxBytes: 6,
      sizeOf: (item) => item.length,
    });
    submit(["a", "b", "c", "d", "larger-than-a-batch", "eee", "fff"]);
    assert.deepEqual(sent(), []);
    await time.pass(0);
    assert.deepEqual(sent(), ["a,b,c", "d", "larger-than-a-batch", "eee,fff"]);
    for (const batch of batches) batch.answer();
    await time.pass(0);
    assert.deepEqual([results.a, results.fff], ["A", "FFF"]);
  }));

Deno.test("the window bounds the batches under way, and the rest follows in order", () =>
  withVirtualTime(async (time) => {
    const { batcher, batches, submit, sent } = batcherOf({ maxBatch: 2 });
    submit(ids(14));
    await time.pass(0);
    assert.deepEqual(batcher.size, { waiting: 6, underWay: 4, window: 4 });
    batches[1]!.answer();
    await time.pass(0);
    assert.deepEqual(sent().slice(4), ["i8,i9"]);
    // A newcomer does not overtake.
    submit(["new"]);
    for (const { answer } of batches) answer();
    await time.pass(0);
    assert.deepEqual(sent().slice(5), ["i10,i11", "i12,i13", "new"]);
  }));

Deno.test("the window grows by one with each window of answers, and a timeout halves it", () =>
  withVirtualTime(async (time) => {
    const { batcher, batches, submit } = batcherOf({ maxBatch: 1 });
    submit(ids(200));
    const windows: number[] = [];
    for (let next = 0; next < 40; next++) {
      await time.pass(0);
      batches[next]!.answer();
      windows.push(batcher.size.window);
    }
    await time.pass(0);
    windows.push(batcher.size.window);
    assert.deepEqual([...new Set(windows)], [4, 5, 6, 7, 8]);
    assert.deepEqual([windows[3], windows[4], windows[9], windows.at(-1)], [4, 5, 6, 8]);
    for (const [i, expected] of [4, 2, 1, 1].entries()) {
      batches[40 + i]!.fail();
      await time.pass(0);
      assert.equal(batcher.size.window, expected);
    }
    batcher.close();
  }));

Deno.test("a request whose caller gave up is not sent, nor sent again", () =>
  withVirtualTime(async (time) => {
    const { batches, results, submit, sent } = batcherOf();
    let gone = false;
    submit(["a"], () => false);
    submit(["b"]);
    submit(["c"], () => !gone);
    await time.pass(0);
    assert.deepEqual([sent(), results.a], [["b,c"], "unavailable 250"]);
    gone = true;
    batches[0]!.fail();
    await time.pass(100);
    assert.deepEqual(sent(), ["b,c", "b"]);
    batches[1]!.answer();
    await time.pass(0);
    assert.deepEqual([results.b, results.c], ["B", "unavailable 250"]);
  }));

Deno.test("nobody is sent to if all of a batch gave up", () =>
  withVirtualTime(async (time) => {
    const { batcher, batches, submit, sent } = batcherOf();
    let gone = false;
    submit(ids(3), () => !gone);
    await time.pass(0);
    gone = true;
    batches[0]!.fail();
    await time.pass(1_000);
    assert.deepEqual([sent().length, batcher.size.underWay], [1, 0]);
  }));

Deno.test("a full queue refuses one more at once", () =>
  withVirtualTime(async (time) => {
    const { batcher, results, submit } = batcherOf({ maxQueue: 5 });
    submit(ids(7));
    await time.pass(0);
    assert.deepEqual(Object.keys(results), ["i5", "i6"]);
    assert.match(results.i5!, /^unavailable \d+/);
    batcher.close();
  }));

Deno.test("a request that waits up to its deadline is refused then", () =>
  withVirtualTime(async (time) => {
    const { batcher, results, submit } = batcherOf({ maxBatch: 1, deadlineMs: 300 });
    submit(ids(5));
    await time.pass(299);
    assert.deepEqual([results, batcher.size.waiting], [{}, 1]);
    await time.pass(1);
    assert.deepEqual(results, { i4: "unavailable 250" });
    assert.equal(batcher.size.waiting, 0);
  }));

Deno.test("a request that has too little time left for an answer is not sent", () =>
  withVirtualTime(async (time) => {
    const { batches, results, submit, sent } = batcherOf({ maxBatch: 1, deadlineMs: 2_000 });
    submit(ids(5));
    await time.pass(1_500);
    batches[0]!.answer();
    await time.pass(0);
    assert.deepEqual([sent().length, results.i4], [4, "unavailable 250"]);
  }));

Deno.test("only unavailable is retried, with growing waits and timeouts", () =>
  withVirtualTime(async (time) => {
    const { batches, results, submit, sent } = batcherOf({ deadlineMs: 2_500 });
    submit(["a"]);
    await time.pass(0);
    for (const wait of [50, 100, 200]) {
      batches.at(-1)!.fail();
      await time.pass(wait - 1);
      const before = sent().length;
      await time.pass(1);
      assert.equal(sent().length, before + 1);
    }
    assert.deepEqual(batches.map(({ timeout }) => timeout), [500, 1_000, 2_000, 2_000]);
    await time.pass(2_150);
    batches.at(-1)!.fail();
    await time.pass(1_000);
    assert.deepEqual([sent().length, results.a], [4, "unavailable 313"]);

    submit(["b"]);
    await time.pass(0);
    batches.at(-1)!.fail(new FaultError("forbidden", "no", 7));
    await time.pass(5_000);
    assert.deepEqual([sent().length, results.b], [5, "forbidden 7"]);
    submit(["c"]);
    await time.pass(0);
    batches.at(-1)!.fail(new Error("a secret"));
    await time.pass(5_000);
    assert.deepEqual([sent().length, results.c], [6, "unavailable 1000"]);
  }));

Deno.test("retries stop when their budget is used up, and answers fill it again", () =>
  withVirtualTime(async (time) => {
    const { batcher, batches, results, submit } = batcherOf({ maxBatch: 1, deadlineMs: 60_000 });
    submit(ids(60));
    let failed = 0;
    for (let next = 0; Object.keys(results).length < 60; next++) {
      // One at a time goes on once the window is down to one.
      for (let turns = 0; batches[next] === undefined && turns < 50; turns++) await time.pass(100);
      batches[next]!.fail();
      failed++;
      await time.pass(0);
    }
    assert.equal(failed, 60 + 20);
    submit(ids(5, "good"));
    for (let i = 0; i < 5; i++) {
      await time.pass(0);
      batches[80 + i]!.answer();
    }
    await time.pass(0);
    submit(["again"]);
    await time.pass(0);
    batches.at(-1)!.fail();
    await time.pass(100);
    batches.at(-1)!.fail();
    await time.pass(1_000);
    assert.deepEqual([batches.length, /^unavailable/.test(results.again!)], [87, true]);
    batcher.close();
  }));

Deno.test("the time to retry after is spread, so that the refused do not return together", async () => {
  const after = new Set<number>();
  for (const random of [0, 0.5, 0.999]) {
    const { batcher } = batcherOf({ maxQueue: 0, random: () => random });
    await batcher.submit("a").catch((error: FaultError) => after.add(error.fault.retryAfter!));
  }
  assert.deepEqual([...after], [250, 500, 750]);
});

Deno.test("each item has its own result, and a refusal refuses no other", () =>
  withVirtualTime(async (time) => {
    const { batches, results, submit } = batcherOf();
    submit(["a", "b", "c"]);
    await time.pass(0);
    batches[0]!.answer(["A", new FaultError("forbidden", "no", 5)]);
    await time.pass(0);
    // The service owes the third one an answer.
    assert.deepEqual(results, { a: "A", b: "forbidden 5", c: "unavailable 1000" });
  }));

Deno.test("closed, it refuses what waits and what comes, and keeps what is under way", () =>
  withVirtualTime(async (time) => {
    const { batcher, batches, results, submit } = batcherOf({ maxBatch: 1 });
    submit(ids(6));
    await time.pass(0);
    batcher.close();
    submit(["late"]);
    await time.pass(0);
    assert.deepEqual(Object.keys(results).sort(), ["i4", "i5", "late"]);
    batches[0]!.answer();
    await time.pass(0);
    assert.equal(results.i0, "I0");
    assert.deepEqual(batcher.size.waiting, 0);
  }));
