import assert from "node:assert/strict";
import { withDeadline, within } from "./deadline.ts";

const late = () => new Error("late");

Deno.test("a promise that settles in time settles the wait", async () => {
  assert.equal(await withDeadline(Promise.resolve(1), 60_000, late), 1);
  await assert.rejects(withDeadline(Promise.reject(new Error("no")), 60_000, late), /no/);
});

Deno.test("one that does not rejects with what late returns, and goes on", async () => {
  const slow = Promise.withResolvers<number>();
  await assert.rejects(withDeadline(slow.promise, 1, late), /late/);
  slow.resolve(7);
  assert.equal(await slow.promise, 7);
});

Deno.test("a promise that fails after its deadline is not an unhandled rejection", async () => {
  const slow = Promise.withResolvers<number>();
  await assert.rejects(withDeadline(slow.promise, 1, late), /late/);
  slow.reject(new Error("nobody listens"));
  await slow.promise.catch(() => {});
});

Deno.test("a wait of at most some time ends with the promise, or at that time", async () => {
  const slow = Promise.withResolvers<void>();
  await within(slow.promise, 1);
  slow.resolve();
  await within(slow.promise, 60_000);
});
