import assert from "node:assert/strict";
import { createRepetitions } from "./idempotency.ts";

const first = (answer: string) => ({ answer, replayed: false });

Deno.test("a repetition gets the first answer, also while the first is in progress", async () => {
  let now = 0;
  const repetitions = createRepetitions(() => now);
  let runs = 0;
  const run = async () => {
    await Promise.resolve();
    return { answer: `answer ${++runs}`, replayed: false };
  };
  const both = await Promise.all([
    repetitions.once("k", "f", run),
    repetitions.once("k", "f", run),
  ]);
  assert.deepEqual(both, [
    { answer: "answer 1", replayed: false },
    { answer: "answer 1", replayed: true },
  ]);
  await assert.rejects(repetitions.once("k", "other", run), { status: 409 });
  assert.equal((await repetitions.once("l", "f", run)).answer, "answer 2");
  now = 120_001;
  assert.equal((await repetitions.once("k", "f", run)).answer, "answer 3");
});

Deno.test("a refusal is not kept", async () => {
  const repetitions = createRepetitions();
  await assert.rejects(repetitions.once("k", "f", () => Promise.reject(new Error("no"))), /no/);
  const { replayed } = await repetitions.once("k", "f", () => Promise.resolve(first("yes")));
  assert.equal(replayed, false);
});

Deno.test("answers are bounded in number and size: the oldest make room", async () => {
  const repetitions = createRepetitions();
  const large = "x".repeat(64 * 1024);
  const run = () => Promise.resolve(first(large));
  for (let i = 0; i < 300; i++) await repetitions.once(`large ${i}`, "f", run);
  assert.equal((await repetitions.once("large 0", "f", run)).replayed, false);
  assert.equal((await repetitions.once("large 299", "f", run)).replayed, true);
  const small = () => Promise.resolve(first(""));
  for (let i = 0; i <= 10_000; i++) await repetitions.once(`small ${i}`, "f", small);
  assert.equal((await repetitions.once("large 299", "f", run)).replayed, false);
  assert.equal((await repetitions.once("small 10000", "f", small)).replayed, true);
  // Too large to keep.
  const huge = () => Promise.resolve(first(`${large}x`));
  for (let i = 0; i < 2; i++) {
    assert.equal((await repetitions.once("huge", "f", huge)).replayed, false);
  }
});
