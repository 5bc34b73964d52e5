/**
 * What overload does to a service behind batchers, in virtual time: the service works at its own fixed
 * rate, in order, also on batches whose sender has given up. Only the senders can prevent a collapse.
 */
import assert from "node:assert/strict";
import { createRandom } from "../../tests/torture/random.ts";
import { type VirtualTime, withVirtualTime } from "../../tests/harness/virtual_time.ts";
import { Batcher } from "./batcher.ts";
import { FaultError } from "./fault_error.ts";

/** A batch costs the service 5 ms, and each of its items another: 800 items a second in batches of 20. */
const BATCH_MS = 5;
const ITEM_MS = 1;
const MAX_BATCH = 20;
const CAPACITY = 1_000 * MAX_BATCH / (BATCH_MS + ITEM_MS * MAX_BATCH);

const GATEWAYS = 5;

/** How long a caller waits, milliseconds: longer than a batcher's deadline. */
const PATIENCE_MS = 5_000;

function systemOf(time: VirtualTime) {
  const random = createRandom(1);
  let freeAt = 0;
  let worked = 0;
  const send = (items: number[], timeout: number) =>
    new Promise<number[]>((resolve, reject) => {
      freeAt = Math.max(freeAt, time.now) + BATCH_MS + ITEM_MS * items.length;
      setTimeout(() => {
        worked += items.length;
        resolve(items);
      }, freeAt - time.now);
      setTimeout(() => reject(new FaultError("unavailable")), timeout);
    });
  const batchers = Array.from({ length: GATEWAYS }, () =>
    new Batcher<number, number>({
      maxBatch: MAX_BATCH,
      maxQueue: 20_000,
      deadlineMs: 4_000,
      random: () => random.next(),
      send,
    }));
  const counts = { served: 0, refused: 0 };
  const latencies: number[] = [];
  const submit = () => {
    const began = time.now;
    const wanted = () => time.now - began < PATIENCE_MS;
    random.pick(batchers).submit(0, wanted).then(() => {
      if (!wanted()) return;
      counts.served++;
      latencies.push(time.now - began);
    }, () => void counts.refused++);
  };
  return {
    counts,
    latencies,
    batchers,
    worked: () => worked,
    /** Offers so many requests a second for a time. Returns how many were served in time. */
    async offer(perSecond: number, ms: number): Promise<number> {
      const before = counts.served;
      let owed = 0;
      for (let passed = 0; passed < ms; passed += 10) {
        for (owed += perSecond / 100; owed >= 1; owed--) submit();
        await time.pass(10);
      }
      return counts.served - before;
    },
  };
}

for (const times of [0.9, 1.2, 2, 10]) {
  Deno.test(`goodput at ${times} times the capacity stays at least 80 % of its maximum`, () =>
    withVirtualTime(async (time) => {
      const system = systemOf(time);
      await system.offer(times * CAPACITY, 5_000);
      const served = await system.offer(times * CAPACITY, 10_000);
      assert.ok(served >= 0.8 * CAPACITY * 10, `${served} of ${CAPACITY * 10}`);
    }));
}

Deno.test("after an overload latencies return to normal within seconds", () =>
  withVirtualTime(async (time) => {
    const system = systemOf(time);
    await system.offer(10 * CAPACITY, 10_000);
    // What waits is served with the half of the capacity that is free, and then newcomers wait for nobody.
    await system.offer(CAPACITY / 2, 8_000);
    const { refused } = system.counts;
    system.latencies.length = 0;
    await system.offer(CAPACITY / 2, 5_000);
    assert.equal(system.counts.refused, refused);
    const slow = system.latencies.filter((ms) => ms > 500).length;
    assert.ok(slow === 0, `${slow} of ${system.latencies.length} waited for longer than 500 ms`);
  }));

Deno.test("nothing is left to do once everybody has gone", () =>
  withVirtualTime(async (time) => {
    const system = systemOf(time);
    await system.offer(10 * CAPACITY, 5_000);
    await system.offer(0, PATIENCE_MS);
    const worked = system.worked();
    await system.offer(0, 10_000);
    assert.equal(system.worked(), worked);
    for (const { size } of system.batchers) {
      assert.deepEqual([size.waiting, size.underWay], [0, 0]);
    }
  }));
