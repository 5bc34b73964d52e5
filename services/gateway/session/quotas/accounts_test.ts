import assert from "node:assert/strict";
import { QUOTAS } from "../../../contract/mod.ts";
import type { Rates } from "./account.ts";
import { Accounts } from "./accounts.ts";

const RATES = Object.fromEntries(
  QUOTAS.map((quota) => [quota, { perSecond: 1, burst: 10 }]),
) as unknown as Rates;

Deno.test("an account outlives its connections until its quotas are full again", () => {
  const accounts = new Accounts(RATES);
  const ann = accounts.hold("ann");
  assert.equal(accounts.hold("ann"), ann);
  ann.take("calls", 5, 0);
  accounts.release(ann, 0);
  accounts.release(ann, 0);
  assert.equal(accounts.hold("ann"), ann, "reconnecting fills no quota");
  accounts.release(ann, 1_000);
  assert.equal(accounts.size, 1);
  accounts.release(accounts.hold("bob"), 5_000);
  assert.equal(accounts.size, 0);
});

Deno.test("the oldest idle accounts make room", () => {
  const accounts = new Accounts(RATES, 2);
  for (const user of ["a", "b", "c", "d"]) {
    const account = accounts.hold(user);
    account.take("calls", 5, 0);
    accounts.release(account, 0);
  }
  assert.equal(accounts.size, 2);
  assert.equal(accounts.hold("a").take("calls", 10, 0), 0, "it was forgotten");
  assert.equal(accounts.hold("d").take("calls", 10, 0), 5_000);
});
