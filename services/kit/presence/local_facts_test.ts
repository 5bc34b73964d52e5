import assert from "node:assert/strict";
import type { PresenceChange } from "../../contract/mod.ts";
import { LocalFacts } from "./local_facts.ts";
import { Roster } from "./roster.ts";

/** The facts of gateway "g", with what they tell their host. */
function gateway(versions: Record<string, number> = {}) {
  const told: string[] = [];
  const facts = new LocalFacts("g", {
    held: (room, { userId, v }) => void told.push(`held ${room} ${userId} ${v}`),
    released: (room, userId) => void told.push(`released ${room} ${userId}`),
    pending: () => void told.push("pending"),
    versionOf: (_, userId) => versions[userId] ?? 0,
  });
  return { facts, told, state: () => [...facts.statements()].map(({ change }) => change) };
}

const users = (change: PresenceChange | undefined) => change?.came?.map(({ userId }) => userId);

Deno.test("two sessions of a user are one fact", () => {
  const { facts, told, state } = gateway();
  facts.enter("a", "ann", "Ann");
  facts.enter("a", "ann", "Ann");
  assert.deepEqual(state(), [
    { gateway: "g", n: 1, prev: 0, came: [{ userId: "ann", username: "Ann", v: 0 }] },
  ]);
  facts.exit("a", "ann");
  assert.deepEqual(state(), []);
  facts.exit("a", "ann");
  assert.deepEqual(state(), [{ gateway: "g", n: 2, prev: 1, went: ["ann"] }]);
  assert.deepEqual(told, ["pending", "held a ann 0", "pending", "released a ann"]);
  assert.equal(facts.digest.facts, 0);
});

Deno.test("whoever comes and goes between two statements is not mentioned", () => {
  const { facts, state } = gateway();
  facts.enter("a", "ann", "Ann");
  facts.exit("a", "ann");
  assert.deepEqual(state(), []);
  facts.enter("a", "bob", "Bob");
  state();
  facts.exit("a", "bob");
  facts.enter("a", "bob", "Bob");
  assert.deepEqual(users(state()[0]), ["bob"]);
});

Deno.test("statements are numbered over all rooms, and chained within each", () => {
  const { facts, state } = gateway();
  for (const room of ["a", "b"]) facts.enter(room, "ann", "Ann");
  assert.deepEqual(state().map(({ n, prev }) => [n, prev]), [[1, 0], [2, 0]]);
  for (const room of ["b", "a"]) facts.enter(room, "bob", "Bob");
  assert.deepEqual(state().map(({ n, prev }) => [n, prev]), [[3, 2], [4, 1]]);
  for (const user of ["ann", "bob"]) facts.exit("a", user);
  assert.deepEqual(state().map(({ n, prev }) => [n, prev]), [[5, 4]]);
  // Listeners forget an empty part, so the chain begins anew.
  facts.enter("a", "ann", "Ann");
  assert.deepEqual(state().map(({ n, prev }) => [n, prev]), [[6, 0]]);
});

Deno.test("a lost connection's user stays for the grace period, and may return in it", () => {
  const { facts, state } = gateway();
  for (const user of ["ann", "bob"]) facts.enter("a", user, user);
  state();
  facts.exit("a", "ann", 1_000);
  facts.exit("a", "bob", 1_500);
  assert.equal(facts.tick(999), 1_000);
  facts.enter("a", "bob", "bob");
  assert.equal(facts.tick(1_000), 1_500);
  assert.deepEqual(state()[0]!.went, ["ann"]);
  assert.equal(facts.tick(9_000), undefined);
  assert.deepEqual(state(), []);
});

Deno.test("a user who was lost twice has the later end, and leaves at once when leaving", () => {
  const { facts, state } = gateway();
  facts.enter("a", "ann", "Ann");
  facts.exit("a", "ann", 1_000);
  facts.enter("a", "ann", "Ann");
  facts.exit("a", "ann", 3_000);
  state();
  facts.tick(2_000);
  assert.deepEqual(state(), []);
  facts.enter("a", "ann", "Ann");
  facts.exit("a", "ann");
  assert.deepEqual(state()[0]!.went, ["ann"]);
  facts.enter("a", "ann", "Ann");
  state();
  facts.tick(3_000);
  assert.deepEqual(state(), []);
});

Deno.test("a state that the client gives beats those that others state", () => {
  const { facts, state } = gateway({ ann: 6 });
  facts.enter("a", "ann", "Ann");
  assert.equal(state()[0]!.came![0]!.v, 0);
  facts.enter("a", "ann", "Ann", { status: "here" });
  facts.update("a", "ann", { presence: { status: "away" } });
  assert.deepEqual(state()[0]!.came, [
    { userId: "ann", username: "Ann", v: 8, presence: { status: "away" } },
  ]);
  facts.update("a", "ann", { presence: null });
  assert.deepEqual(state()[0]!.came, [{ userId: "ann", username: "Ann", v: 9 }]);
  facts.update("a", "bob", { presence: {} });
  facts.update("b", "ann", { presence: {} });
  assert.deepEqual(state(), []);
});

Deno.test("a new name keeps the state", () => {
  const { facts, state } = gateway();
  facts.enter("a", "ann", "Ann", { status: "away" });
  facts.enter("a", "ann", "Anna");
  assert.deepEqual(state()[0]!.came, [
    { userId: "ann", username: "Anna", v: 2, presence: { status: "away" } },
  ]);
});

Deno.test("after a failed statement everything about the room is stated", () => {
  const { facts, told, state } = gateway();
  for (const user of ["ann", "bob"]) facts.enter("a", user, user);
  state();
  facts.exit("a", "ann");
  state();
  told.length = 0;
  facts.failed("a");
  assert.deepEqual(told, ["pending"]);
  const [change] = state();
  assert.deepEqual([change!.n, change!.prev, users(change)], [3, undefined, ["bob"]]);
  // Also that nobody is there any more.
  facts.exit("a", "bob");
  state();
  facts.failed("a");
  assert.deepEqual(state(), [{ gateway: "g", n: 5 }]);
  assert.deepEqual(state(), []);
});

Deno.test("a limit leaves the rest for the next time", () => {
  const { facts } = gateway();
  for (const room of ["a", "b", "c"]) facts.enter(room, "ann", "Ann");
  assert.deepEqual([...facts.statements(2)].map(({ room }) => room), ["a", "b"]);
  assert.deepEqual([...facts.statements(2)].map(({ room }) => room), ["c"]);
});

Deno.test("a page of state includes what is not stated yet, and can be followed", () => {
  const { facts, state } = gateway();
  facts.enter("a", "ann", "Ann");
  state();
  facts.enter("a", "bob", "Bob");
  facts.exit("a", "ann");
  const page = facts.page({ room: "a" });
  assert.deepEqual([page.asOf, page.rooms[0]!.n], [1, 1]);
  const roster = new Roster();
  roster.load("g", page.rooms[0]!);
  assert.equal(roster.apply(state()[0]!), "applied");
  assert.deepEqual(roster.page(undefined, 9).members.map(({ userId }) => userId), ["bob"]);
  assert.deepEqual(facts.page({ room: "unknown" }), { asOf: 2, rooms: [] });
});

Deno.test("a state of some buckets has their rooms; of none, the digests", () => {
  const { facts } = gateway();
  for (const room of ["lobby", "r1", "r2"]) facts.enter(room, "ann", "Ann");
  assert.deepEqual(facts.page({ buckets: [19] }).rooms.map(({ room }) => room), ["lobby"]);
  const { digests, rooms } = facts.page({ buckets: [] });
  assert.deepEqual([digests, rooms], [facts.digest.buckets, []]);
  assert.deepEqual(facts.page({}).rooms.map(({ room }) => room), ["lobby", "r1", "r2"]);
});

Deno.test("who was on a page and goes before the next statement is stated to have gone", () => {
  const { facts, state } = gateway();
  facts.enter("a", "ann", "Ann");
  assert.deepEqual(facts.page({ room: "a" }).rooms[0]!.users.map(({ userId }) => userId), ["ann"]);
  facts.exit("a", "ann");
  assert.deepEqual(state(), [{ gateway: "g", n: 1, prev: 0, went: ["ann"] }]);
});

Deno.test("statements come in turns of a limit, and what is left stays pending", () => {
  const { facts } = gateway();
  for (const room of ["a", "b", "c"]) facts.enter(room, "ann", "Ann");
  const rooms = (limit: number) => [...facts.statements(limit)].map(({ room }) => room);
  assert.deepEqual([rooms(2), facts.pending], [["a", "b"], true]);
  assert.deepEqual([rooms(2), facts.pending], [["c"], false]);
});

Deno.test("an update that changes nothing is not stated", () => {
  const { facts, state } = gateway();
  facts.enter("a", "ann", "Ann", { status: "here" });
  state();
  facts.update("a", "ann", { username: "Ann", presence: { status: "here" } });
  assert.deepEqual(state(), []);
});
