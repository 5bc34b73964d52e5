import assert from "node:assert/strict";
import { QUOTAS } from "../../../contract/mod.ts";
import type { Rates } from "./account.ts";
import { Accounts } from "./accounts.ts";
import { busiestOf } from "./shared_usage.ts";

const RATES = Object.fromEntries(
  QUOTAS.map((quota) => [quota, { perSecond: 100, burst: 1_000 }]),
) as unknown as Rates;

Deno.test("what busy users used is taken from their quotas elsewhere, and not passed on from there", () => {
  const [here, there] = [new Accounts(RATES), new Accounts(RATES)];
  here.hold("ann").take("messages", 900, 0);
  here.hold("bob").take("messages", 5, 0);
  const shared = busiestOf(here, 1_000);
  assert.deepEqual(shared, [{ userId: "ann", used: [0, 0, 900, 0, 0, 0, 0] }]);
  assert.deepEqual(busiestOf(here, 1_000), []);
  const ann = there.hold("ann");
  ann.usedElsewhere(shared[0]!.used, 0);
  assert.equal(ann.take("messages", 101, 0), 10);
  assert.equal(ann.take("messages", 9, 0), 0);
  assert.deepEqual(busiestOf(there, 1_000), []);
});

Deno.test("the busiest users are shared where there are too many", () => {
  const accounts = new Accounts(RATES);
  for (let i = 0; i < 300; i++) accounts.hold(`u${i}`).take("joins", 100 + i, 0);
  const shared = busiestOf(accounts, 1_000);
  assert.equal(shared.length, 200);
  assert.equal(shared[0]!.userId, "u299");
  assert.equal(shared.at(-1)!.userId, "u100");
});
