import assert from "node:assert/strict";
import { memberKey, parseKey, Roster } from "./roster.ts";

let revision = 0;

function put(roster: Roster, key: string, username = "name"): number {
  roster.apply({ key, deleted: false, revision: ++revision, username, turn: revision }, revision);
  return revision;
}

function del(roster: Roster, key: string): number {
  roster.apply(
    { key, deleted: true, revision: ++revision, username: "", turn: revision },
    revision,
  );
  return revision;
}

Deno.test("keys are taken apart as they were put together", () => {
  assert.deepEqual(parseKey(memberKey("u", "g", "a.b.c.d")), {
    kind: "member",
    user: "u",
    gateway: "g",
    room: "a.b.c.d",
  });
  assert.deepEqual(parseKey("u.7.=YS5i.lobby"), { kind: "user", user: "=YS5i", room: "lobby" });
  for (const key of ["", "m", "m.u.g", "x.1.2.3"]) assert.equal(parseKey(key), null);
});

Deno.test("a member is who was announced, once however many gateways hold them", () => {
  const roster = new Roster();
  put(roster, "m.ann.g1.lobby");
  assert.equal(roster.count("lobby"), 0);
  put(roster, "u.1.ann.lobby", "Ann");
  put(roster, "m.ann.g2.lobby");
  assert.equal(roster.count("lobby"), 1);
  assert.deepEqual(roster.page("lobby", undefined, 10), {
    members: [{ userId: "ann", username: "Ann" }],
    more: false,
  });
  assert.deepEqual(roster.unsettled(0, Infinity), []);
});

Deno.test("pages follow each other without a hole or a double", () => {
  const roster = new Roster();
  const users = Array.from({ length: 25 }, (_, i) => `user${String(i).padStart(2, "0")}`);
  for (const user of users.toReversed()) {
    put(roster, memberKey(user, "g", "lobby"));
    put(roster, `u.1.${user}.lobby`);
  }
  const seen: string[] = [];
  let after: string | undefined;
  for (let more = true; more;) {
    const page = roster.page("lobby", after, 10);
    seen.push(...page.members.map(({ userId }) => userId));
    more = page.more;
    after = seen.at(-1);
  }
  assert.deepEqual(seen, users);
});

Deno.test("half-done joins and leaves show, and only those", () => {
  const roster = new Roster();
  put(roster, "m.ann.g.lobby");
  assert.deepEqual(roster.unsettled(0, revision).map(({ user }) => user), ["ann"]);
  assert.deepEqual(roster.unsettled(1_000, revision), []);
  put(roster, "u.1.ann.lobby");
  assert.deepEqual(roster.unsettled(0, revision), []);
  del(roster, "m.ann.g.lobby");
  assert.deepEqual(roster.unsettled(0, revision).map(({ user }) => user), ["ann"]);
  del(roster, "u.1.ann.lobby");
  assert.deepEqual(roster.unsettled(0, revision), []);
  assert.equal(roster.get("lobby", "ann"), undefined);
});

Deno.test("deletion markers are given out once, oldest first, unless the key is there again", () => {
  const roster = new Roster();
  for (const user of ["a", "b", "c"]) put(roster, `m.${user}.g.lobby`);
  const markers = ["a", "b", "c"].map((user) => del(roster, `m.${user}.g.lobby`));
  put(roster, "m.b.g.lobby");
  assert.deepEqual(roster.takeMarkers(0, Infinity, 1), [
    { key: "m.a.g.lobby", revision: markers[0] },
  ]);
  assert.deepEqual(roster.takeMarkers(0, Infinity, 9), [
    { key: "m.c.g.lobby", revision: markers[2] },
  ]);
  assert.deepEqual(roster.takeMarkers(0, Infinity, 9), []);
});

Deno.test("a gateway's holdings are known, and forgotten with the last", () => {
  const roster = new Roster();
  put(roster, "m.ann.g1.lobby");
  put(roster, "m.ann.g1.chat.x");
  assert.deepEqual([...roster.gateways()], ["g1"]);
  assert.equal(roster.heldBy("g1").length, 2);
  del(roster, "m.ann.g1.lobby");
  del(roster, "m.ann.g1.chat.x");
  assert.deepEqual([...roster.gateways()], []);
});
