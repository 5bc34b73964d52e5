import assert from "node:assert/strict";
import { FlushSchedule } from "./flush_schedule.ts";

/** A schedule on a clock of its own, whose flushes take as long as the test says. */
function schedule(ceiling: number) {
  let time = 1_000;
  const flushes = new FlushSchedule(ceiling, () => time);
  return {
    flushes,
    pass: (milliseconds: number) => time += milliseconds,
    /** Adds something that takes so long to flush. Resolves when it was flushed. */
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

/** Turns of the event loop that pass before a promise is resolved. */
async function turnsUntil(promise: Promise<void>): Promise<number> {
  let done = false;
  promise.then(() => done = true);
  for (let turns = 0;; turns++) {
    if (done) return turns;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

Deno.test("while there is little to write everything goes out at the end of its turn", async () => {
  const { add, pass } = schedule(10);
  for (let i = 0; i < 10; i++) {
    assert.ok(await turnsUntil(add(4)) <= 1);
    // Writing took 4 ms and rested 4: half of the time.
    pass(4);
  }
});

Deno.test("after much writing what comes waits for its rest, which ends at the ceiling", async () => {
  const { add, pass } = schedule(10);
  await add(500);
  pass(9.5);
  // Less than a millisecond of the ten is left: no timer for that.
  assert.ok(await turnsUntil(add()) <= 1);
  await add(500);
  const began = performance.now();
  await add();
  assert.ok(performance.now() - began >= 9);
});

Deno.test("with no window nothing ever waits", async () => {
  const { add } = schedule(0);
  await add(500);
  assert.ok(await turnsUntil(add()) <= 1);
});

Deno.test("rooms are flushed before sockets, and what they give out goes in the same flush", async () => {
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
        order.push("room");
        flushes.addOutbox(outbox("second socket"));
      },
    });
  });
  assert.equal(flushes.feedsPending, true);
  await done;
  assert.deepEqual(order, ["room", "first socket", "second socket"]);
  assert.equal(flushes.feedsPending, false);
});
