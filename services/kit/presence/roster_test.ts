import assert from "node:assert/strict";
import type { PresenceFact } from "../../contract/mod.ts";
import { Roster } from "./roster.ts";

const fact = (userId: string, v = 0, presence?: Record<string, unknown>): PresenceFact => ({
  userId,
  username: userId.toUpperCase(),
  v,
  ...(presence && { presence }),
});

/** A roster that records what it tells. */
function recorded() {
  const told: string[] = [];
  const facts: string[] = [];
  const roster = new Roster(
    (event, { userId }) => void told.push(`${event} ${userId}`),
    (room, gateway, { userId, v }, added) =>
      void facts.push(`${added ? "+" : "-"} ${room} ${gateway} ${userId} ${v}`),
    "lobby",
  );
  return { roster, told, facts, take: () => told.splice(0).join() };
}

Deno.test("a user is present while any gateway holds the user", () => {
  const { roster, take } = recorded();
  roster.set("g1", fact("ann"));
  roster.set("g2", fact("ann"));
  assert.deepEqual([take(), roster.count], ["joined ann", 1]);
  roster.unset("g1", "ann");
  assert.equal(take(), "");
  roster.unset("g2", "ann");
  assert.deepEqual([take(), roster.count, roster.empty], ["left ann", 0, true]);
  roster.unset("g2", "ann");
  assert.equal(take(), "");
});

Deno.test("the highest version counts, then the highest gateway id", () => {
  const { roster, take } = recorded();
  roster.set("g2", fact("ann", 1, { at: "two" }));
  roster.set("g1", fact("ann", 2, { at: "one" }));
  assert.deepEqual(roster.get("ann")!.presence, { at: "one" });
  roster.set("g2", fact("ann", 2, { at: "two" }));
  assert.deepEqual(roster.get("ann")!.presence, { at: "two" });
  assert.equal(take(), "joined ann,updated ann,updated ann");
  roster.unset("g2", "ann");
  assert.deepEqual([roster.get("ann")!.presence, take()], [{ at: "one" }, "updated ann"]);
});

Deno.test("an update is told only if members see another name or state", () => {
  const { roster, take } = recorded();
  roster.set("g1", fact("ann", 1, { status: "away" }));
  roster.set("g1", fact("ann", 5, { status: "away" }));
  assert.deepEqual([take(), roster.get("ann")!.v], ["joined ann", 5]);
  roster.set("g1", { ...fact("ann", 6, { status: "away" }), username: "Ann" });
  assert.equal(take(), "updated ann");
  roster.set("g1", fact("ann", 7));
  assert.deepEqual([take(), roster.get("ann")!.presence], ["updated ann", undefined]);
});

Deno.test("a statement follows on the one before; a gap changes nothing", () => {
  const { roster, take } = recorded();
  assert.equal(roster.apply({ gateway: "g", n: 3, prev: 0, came: [fact("a")] }), "applied");
  assert.equal(roster.apply({ gateway: "g", n: 9, prev: 7, came: [fact("b")] }), "gap");
  assert.equal(roster.apply({ gateway: "g", n: 3, prev: 0, went: ["a"] }), "known");
  assert.deepEqual([take(), roster.numberOf("g")], ["joined a", 3]);
  assert.equal(
    roster.apply({ gateway: "g", n: 8, prev: 3, came: [fact("b")], went: ["a"] }),
    "applied",
  );
  assert.deepEqual([take(), [...roster.numbers()]], ["joined b,left a", [["g", 8]]]);
});

Deno.test("a statement that empties a gateway's part makes its next one the first", () => {
  const { roster } = recorded();
  roster.apply({ gateway: "g", n: 1, prev: 0, came: [fact("a")] });
  assert.equal(roster.apply({ gateway: "g", n: 2, prev: 1, went: ["a"] }), "applied");
  assert.deepEqual([roster.numberOf("g"), roster.empty], [0, true]);
  assert.equal(roster.apply({ gateway: "g", n: 3, prev: 0, came: [fact("a")] }), "applied");
});

Deno.test("a complete statement replaces the part; users in both neither leave nor join", () => {
  const { roster, take } = recorded();
  roster.apply({ gateway: "g", n: 1, prev: 0, came: [fact("a"), fact("b")] });
  take();
  assert.equal(
    roster.apply({ gateway: "g", n: 9, came: [fact("b"), fact("c")] }),
    "applied",
  );
  assert.deepEqual([take(), roster.numberOf("g")], ["joined c,left a", 9]);
  roster.load("g", { n: 10, users: [] });
  assert.deepEqual([take(), roster.empty], ["left b,left c", true]);
});

Deno.test("dropping a gateway keeps the users whom others hold", () => {
  const { roster, take } = recorded();
  roster.load("g1", { n: 1, users: [fact("a"), fact("b")] });
  roster.load("g2", { n: 1, users: [fact("b")] });
  take();
  roster.drop("g1");
  assert.deepEqual([take(), roster.sizeOf("g1"), roster.sizeOf("g2")], ["left a", 0, 1]);
  roster.drop("unknown");
  assert.equal(roster.count, 1);
});

Deno.test("each fact that a part gains or loses is reported once, for digests", () => {
  const { roster, facts } = recorded();
  roster.set("g1", fact("a", 1));
  roster.set("g1", fact("a", 1));
  roster.set("g1", fact("a", 2));
  roster.set("g2", fact("a", 2));
  roster.drop("g1");
  assert.deepEqual(facts, [
    "+ lobby g1 a 1",
    "- lobby g1 a 1",
    "+ lobby g1 a 2",
    "+ lobby g2 a 2",
    "- lobby g1 a 2",
  ]);
});

Deno.test("pages are in the order of ids while users come and go", () => {
  const roster = new Roster();
  const present = new Set<string>();
  const check = () => {
    const listed: string[] = [];
    for (let after: string | undefined, more = true; more;) {
      const page = roster.page(after, 7);
      listed.push(...page.members.map(({ userId }) => userId));
      after = listed.at(-1);
      more = page.more;
    }
    assert.deepEqual(listed, [...present].sort());
  };
  check();
  for (let i = 0; i < 4_000; i++) {
    const id = `u${i * 7_919 % 101}`;
    if (present.has(id)) {
      roster.unset("g", id);
      present.delete(id);
    } else {
      roster.set("g", fact(id));
      present.add(id);
    }
    // Between pages there are few changes or more than the sorted list is kept for.
    if (i % 13 === 0 && i < 1_000 || i === 3_999) check();
  }
  assert.equal(roster.page("zzz", 5).members.length, 0);
});
