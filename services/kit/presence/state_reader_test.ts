import assert from "node:assert/strict";
import type { PresenceStatePage, PresenceStateRequest } from "../../contract/mod.ts";
import { LocalFacts } from "./local_facts.ts";
import { Roster } from "./roster.ts";
import { readState, rosterParts } from "./state_reader.ts";

const nothing = { held() {}, released() {}, pending() {}, versionOf: () => 0 };

Deno.test("the pages of a state become one, also of a room that is cut in two", async () => {
  const facts = new LocalFacts("g", nothing);
  const presence = { text: "x".repeat(900) };
  for (let i = 0; i < 1_000; i++) facts.enter("long", `u${i}`, "", presence);
  for (let i = 0; i < 10; i++) facts.enter(`r${i}`, "u", "");
  const asked: PresenceStateRequest[] = [];
  const state = await readState({}, (query) => {
    asked.push(query);
    return Promise.resolve(structuredClone(facts.page(query)));
  });
  assert.ok(asked.length > 2, "one page holds everything");
  assert.deepEqual(state!.rooms.map(({ room }) => room), ["long", ...rooms(10)]);
  const ids = Array.from({ length: 1_000 }, (_, i) => `u${i}`).sort();
  assert.deepEqual(state!.rooms[0]!.users.map(({ userId }) => userId), ids);
  assert.equal(state!.digests, undefined);
});

Deno.test("the number of a room and of the state are those of the first page", async () => {
  const pages: PresenceStatePage[] = [
    { asOf: 5, rooms: [{ room: "a", n: 4, users: [] }], next: { room: "a", userId: "u" } },
    { asOf: 9, rooms: [{ room: "a", n: 8, users: [] }] },
  ];
  const state = await readState({}, () => Promise.resolve(pages.shift()!));
  assert.deepEqual(state, { asOf: 5, rooms: [{ room: "a", n: 4, users: [] }] });
});

Deno.test("without one of its pages there is no state, and pages without end stop", async () => {
  const next = { room: "a", userId: "u" };
  const pages: (PresenceStatePage | null)[] = [{ asOf: 5, rooms: [], next }, null];
  assert.equal(await readState({}, () => Promise.resolve(pages.shift()!)), null);
  assert.equal(await readState({}, () => Promise.resolve({ asOf: 5, rooms: [], next })), null);
});

Deno.test("parts that exceed the budget come without users, and the asker's own not at all", () => {
  const roster = new Roster();
  const users = Array.from({ length: 5 }, (_, i) => ({ userId: `u${i}`, username: "", v: 0 }));
  roster.load("own", { n: 1, users });
  roster.load("small", { n: 2, users: users.slice(0, 1) });
  roster.load("large", { n: 3, users });
  const budget = { bytes: 200 };
  assert.deepEqual(rosterParts(roster, "own", budget), [
    { gateway: "small", n: 2, users: users.slice(0, 1) },
    { gateway: "large", n: 3 },
  ]);
  assert.ok(budget.bytes < 200 && budget.bytes >= 0);
  assert.deepEqual(rosterParts(undefined, "own", budget), []);
});

function rooms(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `r${i}`);
}
