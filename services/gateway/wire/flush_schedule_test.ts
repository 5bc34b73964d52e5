import assert from "node:assert/strict";
import { FlushSchedule } from "./flush_schedule.ts";

/** A schedule with a manual clock. The test sets how long each flush takes. */
function schedule(maxDelay: number) {
  let time = 1_000;
  const flushes = new FlushSchedule(maxDelay, () => time);
  return {
    flushes,
    pass: (milliseconds: number) => time += milliseconds,
    /** Adds an outbox that takes `took` milliseconds to flush. Resolves when it has been flushed. */
    add: (took = 0) =>
      new Promise<void>((resolve) => {
        flushes.addOutbox({
          flush: () => {
            time += took;
            resolve();
          },
        });
      }),
  };
}

/** Returns how many turns of the event loop pass before a promise resolves. */
async function turnsUntil(promise: Promise<void>): Promise<number> {
  let done = false;
  promise.then(() => done = true);
  for (let turns = 0;; turns++) {
    if (done) return turns;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

Deno.test("with little to write, everything is flushed at the end of its turn", async () => {
  const { add, pass } = schedule(10);
  for (let i = 0; i < 10; i++) {
    assert.ok(await turnsUntil(add(4)) <= 1);
    // 4 ms of writing and 4 ms of pause: writing takes half of the time.
    pass(4);
  }
});

Deno.test("after a long flush new frames wait, but never longer than the maximum delay", async () => {
  const { add, pass } = schedule(10);
  await add(500);
  pass(9.5);
  // Less than a millisecond of the pause is left: no timer.
  assert.ok(await turnsUntil(add()) <= 1);
  await add(500);
  const began = performance.now();
  await add();
  assert.ok(performance.now() - began >= 9);
});

Deno.test("a maximum delay of 0 delays nothing", async () => {
  const { add } = schedule(0);
  await add(500);
  assert.ok(await turnsUntil(add()) <= 1);
});

Deno.test("what is added while sockets are written is flushed next", async () => {
  const flushes = new FlushSchedule(10);
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    flushes.addOutbox({
      flush: () => {
        order.push("socket");
        flushes.addFeed({
          flush: () => {
            order.push("feed");
            resolve();
          },
        });
      },
    });
  });
  assert.deepEqual(order, ["socket", "feed"]);
});

Deno.test("feeds are flushed before outboxes, and an outbox that a feed fills joins the same flush", async () => {
  const order: string[] = [];
  const flushes = new FlushSchedule(10);
  const done = new Promise<void>((resolve) => {
    const outbox = (name: string) => ({
      flush: () => {
        order.push(name);
        if (name === "second socket") resolve();
      },
    });
    flushes.addOutbox(outbox("first socket"));
    flushes.addFeed({
      flush: () => {
        order.push("feed");
        flushes.addOutbox(outbox("second socket"));
      },
    });
  });
  assert.equal(flushes.feedsPending, true);
  await done;
  assert.deepEqual(order, ["feed", "first socket", "second socket"]);
  assert.equal(flushes.feedsPending, false);
});
