import assert from "node:assert/strict";
import type { PresenceFact } from "../../contract/mod.ts";
import { Digest } from "./digest.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { PresenceView } from "./presence_view.ts";

const fact = (userId: string, v = 0): PresenceFact => ({ userId, username: "", v });

function viewOf(all: boolean) {
  const asked: string[] = [];
  const appeared: string[] = [];
  const told: string[] = [];
  const view = new PresenceView({
    requestRoom: (gateway, room) => void asked.push(`room ${gateway} ${room}`),
    requestDigests: (gateway) => void asked.push(`digests ${gateway}`),
    requestBuckets: (gateway, buckets) => void asked.push(`buckets ${gateway} ${buckets}`),
    appeared: (gateway) => void appeared.push(gateway),
    expired: (gateway, facts, stopped) => void asked.push(`expired ${gateway} ${facts} ${stopped}`),
  }, { own: all ? undefined : "own", all });
  const open = (room: string) =>
    view.open(room, (event, { userId }) => void told.push(`${event} ${userId}`));
  return {
    view,
    open,
    asked: () => asked.splice(0),
    appeared: () => appeared.splice(0).join(),
    told: () => told.splice(0),
    listed: (room: string) =>
      view.roster(room)?.page(undefined, 100).members.map(({ userId }) => userId).join(),
  };
}

/** A heartbeat of a gateway that holds these users in "lobby". */
function alive(gateway: string, users: string[], more: { lease?: number; stopping?: true } = {}) {
  const digest = new Digest();
  for (const user of users) digest.add("lobby", fact(user));
  return { gateway, lease: 3_500, facts: users.length, digest: digest.total, ...more };
}

Deno.test("statements wait until the room is open, and those the roster includes do not repeat", () => {
  const { view, open, told, asked } = viewOf(false);
  open("lobby");
  view.change("lobby", { gateway: "g", n: 1, prev: 0, came: [fact("ann")] }, 0);
  view.change("lobby", { gateway: "g", n: 2, prev: 1, came: [fact("bob")] }, 0);
  assert.deepEqual(told(), []);
  view.opened("lobby", [
    { gateway: "g", n: 1, users: [fact("ann")] },
    { gateway: "own", n: 7, users: [fact("old")] },
  ], 0);
  assert.deepEqual([told(), asked()], [["joined ann", "joined bob"], []]);
});

Deno.test("a part without users is read from its gateway", () => {
  const { view, open, asked, listed } = viewOf(false);
  open("lobby");
  view.opened("lobby", [{ gateway: "g", n: 3 }], 0);
  assert.deepEqual(asked(), ["room g lobby"]);
  view.loaded("g", "lobby", { room: "lobby", n: 3, users: [fact("ann")], asOf: 3 });
  assert.equal(listed("lobby"), "ann");
});

Deno.test("a gap requests the state once; what was stated meanwhile is applied on top", () => {
  const { view, open, asked, told } = viewOf(false);
  open("lobby");
  view.opened("lobby", [{ gateway: "g", n: 1, users: [fact("ann")] }], 0);
  told();
  view.change("lobby", { gateway: "g", n: 5, prev: 3, came: [fact("cid")] }, 0);
  view.change("lobby", { gateway: "g", n: 6, prev: 5, went: ["bob"] }, 0);
  view.change("lobby", { gateway: "g", n: 7, prev: 6, came: [fact("dan")] }, 0);
  assert.deepEqual([asked(), told()], [["room g lobby"], []]);
  view.loaded("g", "lobby", {
    room: "lobby",
    n: 5,
    users: [fact("bob"), fact("cid")],
    asOf: 5,
  });
  assert.deepEqual(told(), ["joined bob", "joined cid", "left ann", "left bob", "joined dan"]);
  assert.equal(view.size.loading, 0);
});

Deno.test("a state without an answer is requested again at the next gap", () => {
  const { view, open, asked, listed } = viewOf(false);
  open("lobby");
  view.opened("lobby", [], 0);
  view.change("lobby", { gateway: "g", n: 5, prev: 3, came: [fact("ann")] }, 0);
  view.loaded("g", "lobby", null);
  assert.deepEqual([asked(), listed("lobby")], [["room g lobby"], ""]);
  view.change("lobby", { gateway: "g", n: 6, prev: 5, came: [fact("bob")] }, 0);
  assert.deepEqual(asked(), ["room g lobby"]);
});

Deno.test("a state that is older than what is included changes nothing", () => {
  const { view, open, listed } = viewOf(false);
  open("lobby");
  view.opened("lobby", [{ gateway: "g", n: 9, users: [fact("ann")] }], 0);
  view.loaded("g", "lobby", { room: "lobby", n: 4, users: [fact("old")], asOf: 8 });
  view.loaded("g", "lobby", { room: "lobby", n: 0, users: [], asOf: 8 });
  assert.equal(listed("lobby"), "ann");
  view.loaded("g", "lobby", { room: "lobby", n: 0, users: [], asOf: 9 });
  assert.equal(listed("lobby"), "");
});

Deno.test("a silent gateway's users leave when its lease ends, and it may come back", () => {
  const { view, open, asked, appeared, told } = viewOf(false);
  open("lobby");
  view.opened("lobby", [], 0);
  view.alive(alive("g", ["ann"]), 0);
  view.change("lobby", { gateway: "g", n: 1, prev: 0, came: [fact("ann")] }, 100);
  assert.deepEqual([asked(), appeared(), told()], [[], "g", ["joined ann"]]);
  view.tick(3_599);
  assert.deepEqual(told(), []);
  view.tick(3_600);
  assert.deepEqual([asked(), told(), view.gateways], [["expired g 1 false"], ["left ann"], []]);
  view.alive(alive("g", ["ann"]), 9_000);
  view.change("lobby", { gateway: "g", n: 2, prev: 1, came: [fact("bob")] }, 9_000);
  assert.deepEqual([asked(), appeared()], [["room g lobby"], "g"]);
  view.tick(60_000);
  // The answer of a gateway that is dropped meanwhile does not bring it back.
  view.loaded("g", "lobby", { room: "lobby", n: 2, users: [fact("ann")], asOf: 2 });
  assert.deepEqual(told(), []);
});

Deno.test("a listener that was paused gives every gateway another lease", () => {
  const { view, open, told } = viewOf(false);
  open("lobby");
  view.opened("lobby", [{ gateway: "g", n: 1, users: [fact("ann")] }], 0);
  told();
  view.grace(60_000);
  view.tick(60_000);
  assert.deepEqual(told(), []);
  view.tick(64_000);
  assert.deepEqual(told(), ["left ann"]);
});

Deno.test("a gateway that stops says how long its users may take to move", () => {
  const { view, open, asked, told } = viewOf(false);
  open("lobby");
  view.opened("lobby", [{ gateway: "g", n: 1, users: [fact("ann"), fact("bob")] }], 0);
  told();
  view.alive(alive("g", [], { lease: 2_000, stopping: true }), 0);
  view.change("lobby", { gateway: "h", n: 1, prev: 0, came: [fact("ann")] }, 1_000);
  view.tick(2_000);
  assert.deepEqual([asked(), told()], [["expired g 2 true"], ["left bob"]]);
});

Deno.test("what another listener has heard otherwise is requested from its gateway", () => {
  const { view, open, asked } = viewOf(false);
  open("lobby");
  const users = [fact("ann")];
  view.opened("lobby", [{ gateway: "a", n: 1, users }, { gateway: "b", n: 2, users }], 0);
  view.alive(alive("c", []), 0);
  const theirs = new Map([["a", 1], ["c", 4], ["dead", 5], ["own", 6]]);
  view.reconcile("lobby", 12_345, theirs, "own");
  assert.deepEqual(asked(), []);
  const before = fingerprint(view);
  view.reconcile("lobby", before, theirs, "own");
  assert.deepEqual(asked().sort(), ["room b lobby", "room c lobby"]);
});

Deno.test("its own statements and rooms that it does not follow are ignored", () => {
  const { view, open, asked, told } = viewOf(false);
  view.change("other", { gateway: "g", n: 9, prev: 4, came: [fact("ann")] }, 0);
  assert.equal(view.size.rooms, 0);
  open("lobby");
  view.opened("lobby", [], 0);
  view.change("lobby", { gateway: "own", n: 9, prev: 4, came: [fact("ann")] }, 0);
  view.close("lobby");
  view.change("lobby", { gateway: "g", n: 1, prev: 0, came: [fact("ann")] }, 0);
  assert.deepEqual([asked(), told(), view.size.rooms], [[], [], 0]);
});

Deno.test("a view of all rooms compares digests and reads what differs", () => {
  const { view, asked, appeared, listed } = viewOf(true);
  view.alive(alive("g", ["ann"]), 0);
  assert.deepEqual([asked(), appeared()], [["digests g"], "g"]);
  const digests = Array.from({ length: 64 }, (_, i) => i === 19 ? alive("g", ["ann"]).digest : 0);
  view.digests("g", digests);
  assert.deepEqual([asked(), view.compared("g")], [["buckets g 19"], false]);
  view.bulkLoaded("g", [19], {
    asOf: 3,
    rooms: [{ room: "lobby", n: 3, users: [fact("ann")] }],
  });
  assert.deepEqual([listed("lobby"), view.compared("g")], ["ann", true]);
  view.alive(alive("g", ["ann"]), 5_000);
  assert.deepEqual(asked(), []);
  // A room that the state no longer lists is empty there.
  view.bulkLoaded("g", [19], { asOf: 4, rooms: [] });
  assert.deepEqual([listed("lobby"), view.size.rooms], [undefined, 0]);
});

Deno.test("a view of all rooms keeps no empty rooms", () => {
  const { view } = viewOf(true);
  view.change("lobby", { gateway: "g", n: 1, prev: 0, came: [fact("ann")] }, 0);
  assert.equal(view.size.rooms, 1);
  view.change("lobby", { gateway: "g", n: 2, prev: 1, went: ["ann"] }, 0);
  assert.equal(view.size.rooms, 0);
  view.change("lobby", { gateway: "g", n: 3, prev: 0, came: [fact("ann")] }, 0);
  view.tick(9_000);
  assert.equal(view.size.rooms, 0);
});

function fingerprint(view: PresenceView): number {
  // The host would compute it before it asks.
  return fingerprintOf(view.roster("lobby"), "own");
}

Deno.test("a view of all rooms takes the state of a room that it did not know", () => {
  const { view, asked, listed } = viewOf(true);
  view.change("lobby", { gateway: "g", n: 5, prev: 3, came: [fact("bob")] }, 0);
  assert.deepEqual([asked(), view.size], [["room g lobby"], {
    rooms: 0,
    gateways: 1,
    loading: 1,
  }]);
  view.change("lobby", { gateway: "g", n: 6, prev: 5, came: [fact("cid")] }, 0);
  view.loaded("g", "lobby", {
    room: "lobby",
    n: 5,
    users: [fact("ann"), fact("bob")],
    asOf: 5,
  });
  assert.equal(listed("lobby"), "ann,bob,cid");
});

Deno.test("a view that has heard all that a gateway states need not ask it", () => {
  const { view, asked } = viewOf(true);
  view.change("lobby", { gateway: "g", n: 1, prev: 0, came: [fact("ann")] }, 0);
  assert.equal(view.compared("g"), false);
  view.alive(alive("g", ["ann"]), 10);
  assert.deepEqual([asked(), view.compared("g")], [[], true]);
});

Deno.test("a gateway appears whatever of it is heard first, but not with its very first statement", () => {
  const { view, open, appeared } = viewOf(false);
  open("lobby");
  view.change("lobby", { gateway: "new", n: 1, prev: 0, came: [fact("ann")] }, 0);
  assert.equal(appeared(), "");
  view.change("lobby", { gateway: "back", n: 9, prev: 8, came: [fact("bob")] }, 0);
  assert.equal(appeared(), "back");
  view.opened("lobby", [{ gateway: "listed", n: 3, users: [fact("cid")] }], 0);
  assert.equal(appeared(), "listed");
});

Deno.test("another's word gives a gateway a short lease, and renews none", () => {
  const { view, open, asked, listed } = viewOf(false);
  const part = [{ gateway: "g", n: 1, users: [fact("ann")] }];
  open("a");
  view.opened("a", part, 0);
  view.tick(1_400);
  open("b");
  view.opened("b", part, 1_400);
  assert.equal(listed("b"), "ann");
  view.tick(1_600);
  assert.deepEqual([listed("a"), listed("b")], ["", ""]);
  assert.deepEqual(asked(), ["expired g 2 false"]);
});
