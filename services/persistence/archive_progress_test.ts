import assert from "node:assert/strict";
import { FaultError } from "../kit/mod.ts";
import { until, within } from "../../tests/harness/wait.ts";
import { ArchiveProgress } from "./archive_progress.ts";
import type { LogProgress } from "./stream.ts";

const refusal = (code: string, text?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof FaultError);
  assert.equal(error.fault.code, code);
  if (text !== undefined) assert.match(error.fault.message, text);
  return true;
};

/** Creates progress on a log whose state the test controls. */
function createProgress(first: Partial<LogProgress> = {}, options: { maxWaiting?: number } = {}) {
  const state: LogProgress = { epoch: "e", floor: 0, last: 100, ...first };
  const log = { state, reads: 0, under: 0, most: 0, others: 0, duringRead: () => {} };
  const progress = new ArchiveProgress({
    async read() {
      log.reads++;
      log.most = Math.max(log.most, ++log.under);
      const now = { ...log.state };
      log.duringRead();
      await new Promise((resolve) => setTimeout(resolve, 5));
      log.under--;
      return now;
    },
    onLogReplaced: () => void log.others++,
    deadline: 200,
    poll: 5,
    ...options,
  });
  progress.attach(state);
  return { progress, log };
}

Deno.test("seqs that this instance archived in one run need no poll", async () => {
  const { progress, log } = createProgress({ floor: 10 });
  assert.deepEqual(await progress.waitUntilArchived(10), { epoch: "e", floor: 10 });
  const waiting = progress.waitUntilArchived(13);
  progress.markArchived("e", [13, 11, 12]);
  assert.deepEqual(await waiting, { epoch: "e", floor: 13 });
  assert.equal(log.reads, 0);
  assert.deepEqual(progress.size, { waiting: 0, ahead: 0 });
});

Deno.test("runs separated by a gap do not raise the floor", () => {
  const { progress } = createProgress({ floor: 10 });
  progress.markArchived("e", [14, 15, 20]);
  assert.equal(progress.position!.floor, 10);
  progress.markArchived("e", [11]);
  assert.equal(progress.position!.floor, 11);
  progress.markArchived("e", [12, 13]);
  assert.equal(progress.position!.floor, 15);
  progress.markArchived("e", [17, 18]);
  progress.markArchived("e", [16, 19, 21]);
  assert.equal(progress.position!.floor, 21);
  assert.equal(progress.size.ahead, 0);
});

Deno.test("seqs of another log are ignored", () => {
  const { progress } = createProgress({ floor: 1 });
  progress.markArchived("other", [2, 3]);
  assert.deepEqual(progress.position, { epoch: "e", floor: 1 });
});

Deno.test({
  name: "polls of the consumer reveal what other instances archived, one poll at a time",
  // Polling stops when no reader waits. A leaked timer fails this test.
  sanitizeOps: true,
  async fn() {
    const { progress, log } = createProgress();
    const waiting = Promise.all([20, 30, 40].map((upTo) => progress.waitUntilArchived(upTo)));
    await until("several polls", () => log.reads > 3);
    progress.markArchived("e", [31, 32, 33, 34, 35, 36, 37, 38, 39, 40]);
    log.state.floor = 30;
    const floors = (await within("all readers", waiting)).map(({ floor }) => floor);
    assert.deepEqual(floors, [40, 40, 40]);
    assert.equal(log.most, 1);
  },
});

Deno.test("a wait that takes too long fails with unavailable", async () => {
  const { progress } = createProgress();
  await assert.rejects(progress.waitUntilArchived(50), refusal("unavailable", /behind/));
  assert.equal(progress.size.waiting, 0);
});

Deno.test("a seq above the end of the log is refused, but not if it arrives during a poll", async () => {
  const { progress, log } = createProgress({ last: 100, floor: 100 });
  await assert.rejects(progress.waitUntilArchived(101), refusal("invalid_format", /ends at 100/));
  // Seq 101 is stored and waited for after the poll has read the end of the log.
  let late: Promise<unknown> | undefined;
  log.duringRead = () => {
    log.state.last = log.state.floor = 101;
    late ??= progress.waitUntilArchived(101);
  };
  await assert.rejects(progress.waitUntilArchived(150), refusal("invalid_format", /ends at 100/));
  assert.deepEqual(await late, { epoch: "e", floor: 101 });
});

Deno.test("the number of waiting readers is bounded", async () => {
  const { progress } = createProgress();
  const waiting = Array.from({ length: 10_000 }, () => progress.waitUntilArchived(50));
  assert.equal(progress.size.waiting, 10_000);
  await assert.rejects(progress.waitUntilArchived(50), refusal("unavailable", /too many/));
  progress.markArchived("e", Array.from({ length: 50 }, (_, i) => i + 1));
  await Promise.all(waiting);
  assert.equal(progress.size.waiting, 0);
});

Deno.test("runs above a limit are forgotten and recovered by polling", async () => {
  const { progress, log } = createProgress({ last: 10_000 });
  for (let i = 1; i <= 2_000; i++) progress.markArchived("e", [2 * i]);
  assert.equal(progress.size.ahead, 1_024);
  log.state.floor = 4_001;
  assert.equal((await progress.waitUntilArchived(4_000)).floor, 4_001);
  assert.equal(progress.size.ahead, 0);
});

Deno.test("another log refuses the waiting readers and resets the floor", async () => {
  const { progress, log } = createProgress({ floor: 7 });
  const waiting = assert.rejects(progress.waitUntilArchived(50), refusal("unavailable", /another/));
  log.state.epoch = "f";
  log.state.floor = 3;
  await until("the other log to be noticed", () => log.others > 0);
  assert.deepEqual(progress.position, { epoch: "e", floor: 7 });
  progress.attach(log.state);
  await waiting;
  assert.deepEqual(progress.position, { epoch: "f", floor: 3 });
});

Deno.test("attaching to the same log again keeps what is known up to its end", () => {
  const { progress } = createProgress({ floor: 7 });
  progress.markArchived("e", [8, 9, 20]);
  progress.attach({ epoch: "e", floor: 5, last: 100 });
  assert.equal(progress.position!.floor, 9);
  progress.attach({ epoch: "e", floor: 5, last: 6 });
  assert.equal(progress.position!.floor, 6);
  assert.equal(progress.size.ahead, 0);
});

Deno.test("concurrent reads of the current position share one poll", async () => {
  const { progress, log } = createProgress();
  log.state.floor = 9;
  const positions = await Promise.all([progress.current(), progress.current(), progress.current()]);
  assert.deepEqual(positions.map(({ floor }) => floor), [9, 9, 9]);
  assert.equal(log.reads, 1);
});

Deno.test("a failed poll keeps what is known", async () => {
  const progress = new ArchiveProgress({
    read: () => Promise.reject(new Error("no connection")),
    deadline: 50,
    poll: 5,
  });
  await assert.rejects(progress.current(), refusal("unavailable", /log is not available/));
  await assert.rejects(
    progress.waitUntilArchived(1),
    refusal("unavailable", /log is not available/),
  );
  progress.attach({ epoch: "e", floor: 4, last: 9 });
  assert.equal((await progress.current()).floor, 4);
  await assert.rejects(progress.waitUntilArchived(9), refusal("unavailable", /behind/));
});

Deno.test("closing refuses the waiting readers", async () => {
  const { progress } = createProgress();
  const waiting = assert.rejects(
    progress.waitUntilArchived(50),
    refusal("unavailable", /shutting down/),
  );
  progress.close();
  await waiting;
});
