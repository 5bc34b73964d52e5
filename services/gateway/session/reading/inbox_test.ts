import assert from "node:assert/strict";
import { createInboxBudget, Inbox } from "./inbox.ts";

const memory = { grew() {} };

Deno.test("frames come out in order, and give their share back", () => {
  const budget = createInboxBudget(memory, 10);
  const inbox = new Inbox(budget);
  for (const text of ["abc", "de", "f"]) assert.ok(inbox.push(text, 0));
  assert.equal(budget.used, 6);
  assert.deepEqual([inbox.shift(), inbox.shift(), inbox.shift()], ["abc", "de", "f"]);
  assert.deepEqual([inbox.empty, budget.used], [true, 0]);
});

Deno.test("all inboxes together are bounded", () => {
  const budget = createInboxBudget(memory, 10);
  const [one, other] = [new Inbox(budget), new Inbox(budget)];
  assert.ok(one.push("12345678", 0));
  assert.equal(other.push("abc", 0), false);
  assert.ok(other.empty);
  one.clear();
  assert.ok(other.push("abc", 0));
  assert.equal(budget.used, 3);
});
