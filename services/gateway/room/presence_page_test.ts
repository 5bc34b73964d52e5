import assert from "node:assert/strict";
import { type Change, RecentChanges, withChanges } from "./presence_page.ts";

const member = (userId: string) => ({ userId, username: userId.toUpperCase() });
const page = (users: string, more = false, count = users.length) => ({
  count,
  members: [...users].map(member),
  more,
  revision: 10,
});
const change = (revision: number, userId: string, joined: boolean): Change => ({
  revision,
  joined,
  ...member(userId),
});

Deno.test("what was told meanwhile is in the answer, in its place", () => {
  const changes = [change(11, "b", true), change(12, "c", false), change(13, "z", true)];
  assert.deepEqual(withChanges(page("acd"), changes, { named: true }), {
    count: 4,
    members: ["a", "b", "d", "z"].map(member),
    more: false,
  });
});

Deno.test("who left and came again is there, who came and left is not", () => {
  const changes = [
    change(11, "a", false),
    change(12, "b", true),
    change(13, "a", true),
    change(14, "b", false),
  ];
  assert.deepEqual(withChanges(page("a"), changes, { named: true }).members, [member("a")]);
});

Deno.test("a page takes only who belongs on it; the number is the room's", () => {
  const changes = [change(11, "a", true), change(12, "d", true), change(13, "x", true)];
  assert.deepEqual(withChanges(page("ce", true, 9), changes, { after: "b", named: true }), {
    count: 12,
    members: ["c", "d", "e"].map(member),
    more: true,
  });
});

Deno.test("in a room of counts nobody is named", () => {
  const changes = [change(11, "a", true), change(12, "b", true)];
  assert.deepEqual(withChanges(page("", false, 5), changes, { named: false }), {
    count: 7,
    members: [],
    more: false,
  });
});

Deno.test("recent changes are bounded, and say when they do not reach back", () => {
  const recent = new RecentChanges();
  for (let revision = 1; revision <= 300; revision++) recent.add(change(revision, "a", true));
  assert.equal(recent.after(298)!.length, 2);
  assert.equal(recent.after(44)!.length, 256);
  assert.equal(recent.after(43), null);
  recent.clear();
  assert.deepEqual(recent.after(0), []);
});
