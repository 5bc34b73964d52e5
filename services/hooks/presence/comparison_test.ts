/** The comparison finds all differences, in turns that each look at little. */
import assert from "node:assert/strict";
import type { PresenceFollower, Roster } from "../../kit/mod.ts";
import { compare } from "./comparison.ts";
import { Told } from "./told.ts";

Deno.test("everything is compared, a little at a time", () => {
  const told = new Told();
  let seq = 0;
  const about = { id: "evt_1", timestamp: "2026-11-30T00:00:00.000Z" };
  const join = (userId: string) =>
    told.tell({ ...about, type: "room.joined", data: { room: "a", userId, username: userId } })(
      ++seq,
    );
  for (let i = 0; i < 10_000; i++) join(`u${i}`);
  told.tell({ ...about, type: "room.occupied", data: { room: "empty" } })(++seq);

  const user = (userId: string) => ({ userId, username: userId, v: 1 });
  const rosterOf = (...ids: string[]) =>
    ({
      get: (id: string) => ids.includes(id) ? user(id) : undefined,
      numbers: () => [["gateway", 1]],
      factsOf: () => ids.map(user),
    }) as unknown as Roster;
  const rosters = new Map([["a", rosterOf("u7", "new")], ["b", rosterOf("x", "y")]]);
  const view: Pick<PresenceFollower, "rooms" | "roster"> = {
    rooms: () => rosters.keys(),
    roster: (room) => rosters.get(room),
  };
  const turns = [...compare(told, view)];
  const changes = turns.flat();
  assert.ok(turns.length >= 10_001 / 64 && turns.every(({ length }) => length <= 64));
  const named = (here: boolean) =>
    changes.filter((one) => one.here === here).map(({ room, userId }) => `${room} ${userId}`);
  assert.deepEqual(named(true), ["a new", "b x", "b y"]);
  const gone = named(false);
  assert.equal(gone.length, 10_000);
  assert.ok(gone.includes("empty ") && gone.includes("a u0") && !gone.includes("a u7"));

  // A room that goes while it is compared.
  const comparison = compare(new Told(), view);
  comparison.next();
  comparison.next();
  rosters.delete("b");
  assert.deepEqual(comparison.next(), { done: true, value: undefined });
});
