import assert from "node:assert/strict";
import type { PresenceFact } from "../../contract/mod.ts";
import { Roster } from "./roster.ts";
import { sizeOfFact, splitStatement } from "./statement.ts";

/** So many facts with a state of about this size. */
function facts(count: number, bytes = 10): PresenceFact[] {
  return Array.from({ length: count }, (_, i) => ({
    userId: `u${i}`,
    username: "",
    v: 1,
    presence: { text: "x".repeat(bytes) },
  }));
}

function counter() {
  let n = 10;
  return () => ++n;
}

Deno.test("a small statement is one message", () => {
  const [came] = [facts(2)];
  assert.deepEqual(splitStatement({ gateway: "g", prev: 4, came, went: ["x"] }, counter()), [
    { gateway: "g", n: 11, prev: 4, came, went: ["x"] },
  ]);
  assert.deepEqual(
    splitStatement({ gateway: "g", prev: undefined, came: [], went: [] }, counter()),
    [
      { gateway: "g", n: 11 },
    ],
  );
});

Deno.test("the parts of a long difference are a chain that makes the whole", () => {
  const came = facts(1_500, 900);
  const went = Array.from({ length: 2_000 }, (_, i) => `gone${i}${"y".repeat(120)}`);
  const before = went.map((userId) => ({ userId, username: "", v: 0 }));
  const changes = splitStatement({ gateway: "g", prev: 4, came, went }, counter());
  assert.ok(changes.length > 5);
  const roster = new Roster();
  roster.load("g", { n: 4, users: before });
  let prev = 4;
  for (const change of changes) {
    assert.ok(JSON.stringify(change).length < 512 * 1024);
    assert.equal(change.prev, prev);
    prev = change.n;
    assert.equal(roster.apply(change), "applied");
  }
  assert.deepEqual([...roster.factsOf("g")], came);
});

Deno.test("a complete statement that is too long makes every listener request the state", () => {
  const came = facts(1_500, 900);
  const changes = splitStatement({ gateway: "g", prev: undefined, came, went: [] }, counter());
  assert.equal(changes.length, 1);
  for (const users of [[], facts(1)]) {
    const roster = new Roster();
    if (users.length > 0) roster.load("g", { n: 10, users });
    assert.equal(roster.apply(changes[0]!), "gap");
    assert.equal(roster.sizeOf("g"), users.length);
  }
});

Deno.test("the size of a fact is at least that of its JSON", () => {
  for (const fact of facts(3, 500)) assert.ok(sizeOfFact(fact) >= JSON.stringify(fact).length);
});
