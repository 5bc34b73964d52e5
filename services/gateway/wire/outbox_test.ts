import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { until } from "../../../tests/harness/wait.ts";
import { FlushSchedule } from "./flush_schedule.ts";
import { controlFrame, FIN_PONG, textFrame } from "./frame.ts";
import { MemoryBudget } from "./memory_budget.ts";
import { Outbox } from "./outbox.ts";

/** A socket that records its writes. A stuck one completes a write only on `release`. */
function socket(options: { stuck?: boolean } = {}) {
  const writes: Buffer[] = [];
  let release = () => {};
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk);
      if (options.stuck) release = () => done();
      else done();
    },
  });
  return { duplex, writes, release: () => release() };
}

const memory = () => new MemoryBudget(1_000_000_000);

const NEVER = { overflowed: () => assert.fail("overflow") };

const turn = () => new Promise((resolve) => setImmediate(resolve));

Deno.test("all frames of a turn go out in one write, in order", async () => {
  const { duplex, writes } = socket();
  const outbox = new Outbox(duplex, new FlushSchedule(0), 1_000_000, NEVER, memory());
  const frames = ["1", "2", "3"].map(textFrame);
  for (const frame of frames) outbox.push(frame);
  assert.equal(writes.length, 0);
  await turn();
  assert.equal(writes.length, 1);
  assert.deepEqual(
    new Uint8Array(writes[0]!),
    new Uint8Array(Buffer.concat(frames.map(({ wire }) => wire))),
  );
});

Deno.test("of the pings of a turn the last is answered, and a reader that never reads is closed", async () => {
  const { duplex, writes, release } = socket({ stuck: true });
  let overflows = 0;
  const outbox = new Outbox(
    duplex,
    new FlushSchedule(0),
    1_000,
    { overflowed: () => overflows++ },
    memory(),
  );
  const pong = (i: number) => controlFrame(FIN_PONG, Buffer.from(String(i).padEnd(100)));
  for (let i = 0; i < 100; i++) outbox.answer(pong(i));
  assert.equal(outbox.queuedBytes, 0);
  await turn();
  assert.deepEqual(writes, [Buffer.from(pong(99))]);
  release();
  outbox.answer(pong(1));
  outbox.close();
  assert.deepEqual(writes[1], Buffer.from(pong(1)));

  const other = new Outbox(
    duplex,
    new FlushSchedule(0),
    1_000,
    { overflowed: () => overflows++ },
    memory(),
  );
  for (let i = 0; i < 100; i++) {
    other.answer(pong(i));
    await turn();
  }
  assert.ok(overflows === 1 && duplex.writableLength <= 1_000);
});

Deno.test("a reader that never reads queues a bounded number of bytes and overflows once", async () => {
  const { duplex } = socket({ stuck: true });
  let overflows = 0;
  const owner = { overflowed: () => overflows++ };
  const outbox = new Outbox(duplex, new FlushSchedule(0), 100_000, owner, memory());
  const frame = textFrame(JSON.stringify("x".repeat(1_000)));
  let most = 0;
  for (let i = 0; i < 1_000; i++) {
    outbox.push(frame);
    most = Math.max(most, outbox.queuedBytes);
    if (i % 10 === 0) await turn();
  }
  assert.equal(overflows, 1);
  assert.ok(most <= 102_000, String(most));
});

Deno.test("droppable frames are skipped while the reader is slow", async () => {
  const { duplex } = socket({ stuck: true });
  const outbox = new Outbox(duplex, new FlushSchedule(0), 1_000_000, NEVER, memory());
  const frame = textFrame(JSON.stringify("x".repeat(10_000)));
  let kept = 0;
  for (let i = 0; i < 100; i++) {
    if (!outbox.skipsDroppable) {
      outbox.push(frame);
      kept++;
    }
    await turn();
  }
  assert.ok(kept >= 6 && kept <= 8, String(kept));
  outbox.push(frame);
});

Deno.test("drained resolves when the reader has caught up or the socket has closed", async () => {
  const { duplex, release, writes } = socket({ stuck: true });
  const outbox = new Outbox(duplex, new FlushSchedule(0), 1_000_000, NEVER, memory());
  outbox.push(textFrame(JSON.stringify("x".repeat(100_000))));
  let drained = false;
  const waiting = outbox.drained().then(() => drained = true);
  await turn();
  assert.equal(drained, false);
  release();
  await waiting;
  assert.equal(writes.length, 1);

  const closing = socket({ stuck: true });
  const other = new Outbox(closing.duplex, new FlushSchedule(0), 1_000_000, NEVER, memory());
  other.push(textFrame(JSON.stringify("x".repeat(100_000))));
  const closed = other.drained();
  closing.duplex.destroy();
  await closed;
});

Deno.test("close writes what is queued and ignores further frames", async () => {
  const { duplex, writes } = socket();
  const outbox = new Outbox(duplex, new FlushSchedule(0), 1_000_000, NEVER, memory());
  outbox.push(textFrame("1"));
  outbox.close();
  outbox.push(textFrame("2"));
  await until("the write", () => writes.length > 0);
  await turn();
  assert.equal(writes.length, 1);
});
