/** What a batcher refuses at once, and what it never refuses. */
import assert from "node:assert/strict";
import { withVirtualTime } from "../../tests/harness/virtual_time.ts";
import { batcherOf, ids } from "./batcher_suite.ts";

Deno.test("what the measured rate cannot serve in time is refused at once", () =>
  withVirtualTime(async (time) => {
    const { batcher, batches, results, submit } = batcherOf({
      deadlineMs: 1_000,
      window: { first: 1, max: 1 },
    });
    submit(ids(20, "first"));
    await time.pass(100);
    // Ten in 100 ms, one batch at a time. Of a second, half is left for the answer.
    batches[0]!.answer();
    await time.pass(0);
    submit(ids(150));
    assert.equal(batcher.size.waiting, 51);
    await time.pass(0);
    assert.equal(Object.values(results).filter((one) => /^unavailable/.test(one)).length, 99);
    batcher.close();
  }));

Deno.test("what fits into the free part of the window is never refused, however slow the last answer", () =>
  withVirtualTime(async (time) => {
    const { batcher, batches, submit, sent } = batcherOf({
      deadlineMs: 500,
      retry: false,
      window: { first: 256, max: 256 },
      maxBatch: 1,
    });
    submit(["slow"]);
    await time.pass(400);
    batches[0]!.answer();
    await time.pass(0);
    submit(ids(5));
    await time.pass(0);
    assert.equal(sent().length, 6);
    batcher.close();
  }));

Deno.test("a caller that allows very little time does not shrink the window for others", () =>
  withVirtualTime(async (time) => {
    const { batcher, batches, submit } = batcherOf({
      deadlineMs: 50,
      retry: false,
      window: { first: 8, max: 8 },
      maxBatch: 1,
    });
    submit(ids(8));
    await time.pass(40);
    for (const batch of batches) batch.fail();
    await time.pass(0);
    assert.equal(batcher.size.window, 8);
    batcher.close();
  }));
