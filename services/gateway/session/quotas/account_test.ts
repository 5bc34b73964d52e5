import assert from "node:assert/strict";
import { QUOTAS } from "../../../contract/mod.ts";
import { Account, type Rates } from "./account.ts";

const RATES = Object.fromEntries(
  QUOTAS.map((quota) => [quota, { perSecond: 10, burst: 3 }]),
) as unknown as Rates;

Deno.test("a quota allows its burst, then its rate, whatever the costs are", () => {
  const account = new Account("ann", RATES);
  assert.deepEqual([1, 1, 1, 1].map((cost) => account.take("joins", cost, 1_000)), [0, 0, 0, 100]);
  assert.equal(account.take("frames", 3, 1_000), 0);
  assert.equal(account.take("joins", 1, 1_099), 1);
  assert.equal(account.take("joins", 1, 1_100), 0);
  assert.equal(account.take("joins", 3, 9_000), 0);
});

Deno.test("what was charged afterwards is waited for", () => {
  const account = new Account("ann", RATES);
  account.charge("history", 13, 0);
  assert.equal(account.take("history", 1, 0), 1_100);
  assert.equal(account.take("history", 1, 1_100), 0);
});

Deno.test("an account is at rest when all quotas are full", () => {
  const account = new Account("ann", RATES);
  assert.ok(account.rested(0));
  account.take("calls", 2, 0);
  account.takeIn("chat.>", 1, 0);
  assert.deepEqual([199, 200, 999, 1_000].map((now) => account.rested(now)), [
    false,
    false,
    false,
    true,
  ]);
});

Deno.test("a namespace allows its own rate of messages", () => {
  const account = new Account("ann", RATES);
  for (let i = 0; i < 20; i++) assert.equal(account.takeIn("slow.>", 2, 5), 0);
  assert.equal(account.takeIn("slow.>", 2, 5), 500);
  assert.equal(account.takeIn("other.>", 2, 5), 0);
});
