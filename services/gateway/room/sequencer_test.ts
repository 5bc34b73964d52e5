import assert from "node:assert/strict";
import { until } from "../../../tests/harness/wait.ts";
import { type Entry, Sequencer } from "./sequencer.ts";

/** A log with one room, whose messages have every third seq, and an archive of it. */
function setUp(length: number) {
  const entries: Entry[] = [];
  for (let i = 1; i <= length; i++) {
    entries.push({ seq: i * 3, prev: (i - 1) * 3, event: new Uint8Array([i & 255]) });
  }
  const delivered: { seq: number; prev: number }[] = [];
  const missed: number[] = [];
  const state = {
    entries,
    delivered,
    missed,
    reads: 0,
    failures: 0,
    from: 0,
    pageSize: 500,
    gate: null as null | Promise<void>,
  };
  const sequencer = new Sequencer({
    deliver: ({ seq }, prev) => delivered.push({ seq, prev }),
    async read(after, upTo) {
      state.reads++;
      await state.gate;
      if (state.failures > 0) {
        state.failures--;
        throw new Error("the archive is unreachable");
      }
      const found = entries.filter(({ seq }) => seq > after && seq <= upTo && seq > state.from);
      const more = found.length > state.pageSize;
      return { entries: found.slice(0, state.pageSize), more, trimmedTo: state.from };
    },
    missed: (upTo) => missed.push(upTo),
    stale: () => {},
    repairing: () => {},
    failed: () => {},
  });
  return { ...state, state, sequencer };
}

/** Asserts that every message from `first` to `last` was delivered once, after its own prev. */
function assertComplete(delivered: { seq: number; prev: number }[], first: number, last: number) {
  const expected = [];
  for (let seq = first; seq <= last; seq += 3) expected.push({ seq, prev: seq - 3 });
  assert.deepEqual(delivered, expected);
}

Deno.test("messages in order are delivered at once, duplicates are not", () => {
  const { sequencer, entries, delivered, state } = setUp(5);
  sequencer.begin(0);
  for (const entry of entries) {
    sequencer.accept(entry);
    sequencer.accept(entry);
  }
  assertComplete(delivered, 3, 15);
  assert.equal(state.reads, 0);
});

Deno.test("a gap is repaired before anything newer is delivered", async () => {
  const { sequencer, entries, delivered, state } = setUp(10);
  sequencer.begin(0);
  sequencer.accept(entries[0]!);
  sequencer.accept(entries[5]!);
  sequencer.accept(entries[7]!);
  sequencer.accept(entries[6]!);
  await sequencer.repaired();
  sequencer.accept(entries[8]!);
  assertComplete(delivered, 3, 27);
  assert.equal(state.reads, 1);
});

Deno.test("a repair reads many pages, and retries while the archive is unreachable", async () => {
  const { sequencer, entries, delivered, state } = setUp(50);
  state.pageSize = 7;
  state.failures = 2;
  sequencer.begin(0);
  sequencer.accept(entries[49]!);
  await sequencer.repaired();
  assertComplete(delivered, 3, 150);
});

Deno.test("nothing is delivered while suspended, and missed messages come first afterwards", async () => {
  const { sequencer, entries, delivered } = setUp(10);
  sequencer.begin(0);
  sequencer.accept(entries[0]!);
  sequencer.suspend();
  sequencer.accept(entries[4]!);
  assertComplete(delivered, 3, 3);
  sequencer.resume(21);
  await sequencer.repaired();
  assertComplete(delivered, 3, 21);
});

Deno.test("live messages that exceed the hold limit are read from the archive", async () => {
  const { sequencer, entries, delivered, state } = setUp(5_000);
  const gate = Promise.withResolvers<void>();
  state.gate = gate.promise;
  sequencer.begin(0);
  for (const entry of entries.slice(10)) sequencer.accept(entry);
  gate.resolve();
  await sequencer.repaired();
  assertComplete(delivered, 3, 15_000);
});

Deno.test("if retention has removed messages, delivery continues and prev shows the gap", async () => {
  const { sequencer, entries, delivered, state } = setUp(10);
  sequencer.begin(3);
  state.from = 15;
  sequencer.accept(entries[7]!);
  await sequencer.repaired();
  assert.deepEqual(delivered.map(({ seq }) => seq), [18, 21, 24]);
  assert.equal(delivered[0]!.prev, 15);
});

Deno.test("a prev of 0 after older messages expired is no gap and causes no read", () => {
  const { sequencer, entries, delivered, state } = setUp(4);
  sequencer.begin(0);
  for (const entry of entries.slice(0, 3)) sequencer.accept(entry);
  sequencer.accept({ ...entries[3]!, prev: 0 });
  assertComplete(delivered, 3, 12);
  assert.equal(state.reads, 0);
});

Deno.test("a message that the archive lacks is delivered once the archive is complete up to it", async () => {
  const { sequencer, delivered } = setUp(0);
  sequencer.begin(3);
  sequencer.accept({ seq: 9, prev: 6, event: new Uint8Array(1) });
  await sequencer.repaired();
  assert.deepEqual(delivered, [{ seq: 9, prev: 6 }]);
});

Deno.test("stop resolves pending waits", async () => {
  const { sequencer, entries, state } = setUp(5);
  state.failures = Infinity;
  sequencer.begin(0);
  sequencer.accept(entries[3]!);
  await until("a read", () => state.reads > 0);
  const repaired = sequencer.repaired();
  sequencer.stop();
  await repaired;
});
