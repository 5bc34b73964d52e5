import assert from "node:assert/strict";
import { type Debtor, MemoryBudget } from "./memory_budget.ts";

function budgetOf(max: number, debts: [owner: string, owed: number][]) {
  const evicted: string[] = [];
  const debtors = new Set<Debtor>();
  for (const [index, [owner, owed]] of debts.entries()) {
    const debtor: Debtor = {
      owner,
      owed,
      evict() {
        evicted.push(`${owner} ${index}`);
        debtors.delete(debtor);
      },
    };
    debtors.add(debtor);
  }
  const budget = new MemoryBudget(max);
  budget.debtors = debtors;
  return { budget, evicted };
}

Deno.test("who owes most over all connections is evicted first, largest connection first", () => {
  const { budget, evicted } = budgetOf(100, [["ann", 40], ["bob", 20], ["bob", 25], ["cid", 30]]);
  assert.equal(budget.settle(), 10);
  assert.deepEqual(evicted, ["bob 2"]);
});

Deno.test("nobody is evicted within the budget", () => {
  const { budget, evicted } = budgetOf(100, [["ann", 60], ["bob", 40]]);
  assert.deepEqual([budget.settle(), evicted], [0, []]);
});

Deno.test("a budget settles after this turn once queues have grown by what was left", async () => {
  const { budget, evicted } = budgetOf(100, [["ann", 90], ["bob", 20]]);
  budget.grew(100);
  budget.grew(1);
  assert.deepEqual(evicted, []);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(evicted, ["ann 0"]);
});
