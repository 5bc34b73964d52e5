import assert from "node:assert/strict";
import { FaultError } from "../kit/mod.ts";
import { until, within } from "../../tests/harness/wait.ts";
import { Barrier } from "./barrier.ts";
import type { Progress } from "./stream.ts";

const refusal = (code: string, text?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof FaultError);
  assert.equal(error.fault.code, code);
  if (text !== undefined) assert.match(error.fault.message, text);
  return true;
};

/** A barrier on a log that the test moves. */
function onLog(first: Partial<Progress> = {}, options: { maxWaiting?: number } = {}) {
  const progress: Progress = { epoch: "e", floor: 0, last: 100, ...first };
  const log = { progress, reads: 0, under: 0, most: 0, others: 0, duringRead: () => {} };
  const barrier = new Barrier({
    async read() {
      log.reads++;
      log.most = Math.max(log.most, ++log.under);
      const now = { ...log.progress };
      log.duringRead();
      await new Promise((resolve) => setTimeout(resolve, 5));
      log.under--;
      return now;
    },
    onOtherLog: () => void log.others++,
    deadline: 200,
    poll: 5,
    ...options,
  });
  barrier.begin(progress);
  return { barrier, log };
}

Deno.test("what was archived here in one run needs no look at the consumer", async () => {
  const { barrier, log } = onLog({ floor: 10 });
  assert.deepEqual(await barrier.reach(10), { epoch: "e", floor: 10 });
  const waiting = barrier.reach(13);
  barrier.archived("e", [13, 11, 12]);
  assert.deepEqual(await waiting, { epoch: "e", floor: 13 });
  assert.equal(log.reads, 0);
  assert.deepEqual(barrier.size, { waiting: 0, ahead: 0 });
});

Deno.test("runs that do not join up wait for what lies between", () => {
  const { barrier } = onLog({ floor: 10 });
  barrier.archived("e", [14, 15, 20]);
  assert.equal(barrier.position!.floor, 10);
  barrier.archived("e", [11]);
  assert.equal(barrier.position!.floor, 11);
  barrier.archived("e", [12, 13]);
  assert.equal(barrier.position!.floor, 15);
  barrier.archived("e", [17, 18]);
  barrier.archived("e", [16, 19, 21]);
  assert.equal(barrier.position!.floor, 21);
  assert.equal(barrier.size.ahead, 0);
});

Deno.test("seqs of another log count for nothing", () => {
  const { barrier } = onLog({ floor: 1 });
  barrier.archived("other", [2, 3]);
  assert.deepEqual(barrier.position, { epoch: "e", floor: 1 });
});

Deno.test({
  name: "what others archived is learned from the consumer, one look at a time",
  // When nobody waits nobody is asked: a timer left over fails this test.
  sanitizeOps: true,
  async fn() {
    const { barrier, log } = onLog();
    const waiting = Promise.all([20, 30, 40].map((upTo) => barrier.reach(upTo)));
    await until("several looks", () => log.reads > 3);
    barrier.archived("e", [31, 32, 33, 34, 35, 36, 37, 38, 39, 40]);
    log.progress.floor = 30;
    const floors = (await within("all to be told", waiting)).map(({ floor }) => floor);
    assert.deepEqual(floors, [40, 40, 40]);
    assert.equal(log.most, 1);
  },
});

Deno.test("an archive that does not get there is told as unavailable", async () => {
  const { barrier } = onLog();
  await assert.rejects(barrier.reach(50), refusal("unavailable", /behind/));
  assert.equal(barrier.size.waiting, 0);
});

Deno.test("a seq that the log has not is refused; one that came during a look is not", async () => {
  const { barrier, log } = onLog({ last: 100, floor: 100 });
  await assert.rejects(barrier.reach(101), refusal("invalid_format", /ends at 100/));
  // 101 is stored, and asked for, after the log's end was read.
  let late: Promise<unknown> | undefined;
  log.duringRead = () => {
    log.progress.last = log.progress.floor = 101;
    late ??= barrier.reach(101);
  };
  await assert.rejects(barrier.reach(150), refusal("invalid_format", /ends at 100/));
  assert.deepEqual(await late, { epoch: "e", floor: 101 });
});

Deno.test("no more may wait than a limit", async () => {
  const { barrier } = onLog();
  const waiting = Array.from({ length: 10_000 }, () => barrier.reach(50));
  assert.equal(barrier.size.waiting, 10_000);
  await assert.rejects(barrier.reach(50), refusal("unavailable", /too many/));
  barrier.archived("e", Array.from({ length: 50 }, (_, i) => i + 1));
  await Promise.all(waiting);
  assert.equal(barrier.size.waiting, 0);
});

Deno.test("runs ahead are forgotten above a limit, and found again at the consumer", async () => {
  const { barrier, log } = onLog({ last: 10_000 });
  for (let i = 1; i <= 2_000; i++) barrier.archived("e", [2 * i]);
  assert.equal(barrier.size.ahead, 1_024);
  log.progress.floor = 4_001;
  assert.equal((await barrier.reach(4_000)).floor, 4_001);
  assert.equal(barrier.size.ahead, 0);
});

Deno.test("another log refuses those who wait for the old one, and begins anew", async () => {
  const { barrier, log } = onLog({ floor: 7 });
  const waiting = assert.rejects(barrier.reach(50), refusal("unavailable", /another/));
  log.progress.epoch = "f";
  log.progress.floor = 3;
  await until("it to be seen", () => log.others > 0);
  assert.deepEqual(barrier.position, { epoch: "e", floor: 7 });
  barrier.begin(log.progress);
  await waiting;
  assert.deepEqual(barrier.position, { epoch: "f", floor: 3 });
});

Deno.test("a log found again keeps what is known, but not beyond its end", () => {
  const { barrier } = onLog({ floor: 7 });
  barrier.archived("e", [8, 9, 20]);
  barrier.begin({ epoch: "e", floor: 5, last: 100 });
  assert.equal(barrier.position!.floor, 9);
  barrier.begin({ epoch: "e", floor: 5, last: 6 });
  assert.equal(barrier.position!.floor, 6);
  assert.equal(barrier.size.ahead, 0);
});

Deno.test("what holds now is asked for, unless that was done just before", async () => {
  const { barrier, log } = onLog();
  log.progress.floor = 9;
  const positions = await Promise.all([barrier.now(), barrier.now(), barrier.now()]);
  assert.deepEqual(positions.map(({ floor }) => floor), [9, 9, 9]);
  assert.equal(log.reads, 1);
});

Deno.test("a consumer that cannot be asked leaves what is known", async () => {
  const barrier = new Barrier({
    read: () => Promise.reject(new Error("NATS is gone")),
    deadline: 50,
    poll: 5,
  });
  await assert.rejects(barrier.now(), refusal("unavailable", /log is not there/));
  await assert.rejects(barrier.reach(1), refusal("unavailable", /log is not there/));
  barrier.begin({ epoch: "e", floor: 4, last: 9 });
  assert.equal((await barrier.now()).floor, 4);
  await assert.rejects(barrier.reach(9), refusal("unavailable", /behind/));
});

Deno.test("closing refuses those who wait", async () => {
  const { barrier } = onLog();
  const waiting = assert.rejects(barrier.reach(50), refusal("unavailable", /shutting down/));
  barrier.close();
  await waiting;
});
