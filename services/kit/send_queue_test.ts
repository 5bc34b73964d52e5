/** When messages wait for others, and when they do not. */
import assert from "node:assert/strict";
import { SendQueue, type SendTimers } from "./send_queue.ts";

/** Time that passes only when told. */
class FakeTimers implements SendTimers {
  time = 0;
  #due: { at: number; callback: () => void }[] = [];
  readonly now = (): number => this.time;
  readonly soon = (callback: () => void): void => this.after(0, callback);
  readonly after = (ms: number, callback: () => void): void => {
    this.#due.push({ at: this.time + ms, callback });
  };

  /** Lets time pass, and runs what is due. */
  pass(ms: number): void {
    this.time += ms;
    const due = this.#due.filter(({ at }) => at <= this.time);
    this.#due = this.#due.filter(({ at }) => at > this.time);
    for (const { callback } of due) callback();
  }
}

function createQueue() {
  const timers = new FakeTimers();
  const batches: number[][] = [];
  const queue = new SendQueue<number>((items) => batches.push([...items]), timers);
  return { timers, batches, queue };
}

/** Sends `count` messages, `every` milliseconds apart. */
function sendEvery(
  every: number,
  count: number,
  { queue, timers }: ReturnType<typeof createQueue>,
): void {
  for (let i = 0; i < count; i++) {
    queue.push(i);
    // The end of the turn, and the rest of the time until the next message.
    timers.pass(0);
    timers.pass(every);
  }
}

Deno.test("few messages are sent at once, each alone", () => {
  const made = createQueue();
  sendEvery(1, 200, made);
  assert.deepEqual(made.batches, Array.from({ length: 200 }, (_, i) => [i]));
});

Deno.test("many messages share writes, in their order", () => {
  const made = createQueue();
  sendEvery(0.25, 4_000, made);
  made.timers.pass(1);
  assert.deepEqual(made.batches.flat(), Array.from({ length: 4_000 }, (_, i) => i));
  // Four come in a millisecond, and the next one makes the batch due.
  const late = made.batches.slice(-100);
  assert.ok(late.every(({ length }) => length >= 4), JSON.stringify(late));
});

Deno.test("a message after a quiet moment does not wait, whatever the rate was", () => {
  const made = createQueue();
  sendEvery(0.1, 2_000, made);
  made.timers.pass(1);
  made.timers.pass(10);
  const before = made.batches.length;
  made.queue.push(-1);
  made.timers.pass(0);
  assert.deepEqual(made.batches.slice(before), [[-1]]);
});

Deno.test("a message waits a millisecond at most", () => {
  const made = createQueue();
  sendEvery(0.1, 2_000, made);
  made.timers.pass(1);
  const before = made.batches.length;
  made.queue.push(-1);
  made.timers.pass(0.9);
  assert.equal(made.batches.length, before, "it should have waited");
  made.timers.pass(0.1);
  assert.deepEqual(made.batches.slice(before), [[-1]]);
});

Deno.test("what is flushed early is not sent again, and no empty batch is sent", () => {
  const { queue, timers, batches } = createQueue();
  queue.push(1);
  queue.push(2);
  queue.flush();
  timers.pass(5);
  queue.flush();
  assert.deepEqual(batches, [[1, 2]]);
});
