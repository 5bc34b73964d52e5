import assert from "node:assert/strict";
import type { Account } from "../quotas/account.ts";
import { PublishPressure } from "./publish_pressure.ts";
import type { Session } from "../session.ts";

const account = (publishes = 0) => ({ publishes }) as Account;

function sessionOf() {
  const state = { paused: false };
  const reading = {
    pause: () => void (state.paused = true),
    resume: () => void (state.paused = false),
  };
  return { state, session: { reading } as unknown as Session };
}

Deno.test("publishers wait above three quarters, and go on below a half, some at a time", () => {
  const places = { pending: 0, capacity: 1_000 };
  const pressure = new PublishPressure(places, 10);
  const sessions = Array.from({ length: 100 }, sessionOf);
  const paused = () => sessions.filter(({ state }) => state.paused).length;
  for (const { session } of sessions) pressure.published(session, account());
  assert.equal(paused(), 0);
  places.pending = 751;
  for (const { session } of sessions) pressure.published(session, account());
  assert.deepEqual([paused(), pressure.waiting], [100, 100]);
  places.pending = 500;
  pressure.settled(account());
  assert.equal(paused(), 100);
  places.pending = 499;
  pressure.settled(account());
  assert.equal(paused(), 36);
  pressure.settled(account());
  assert.deepEqual([paused(), pressure.waiting], [0, 0]);
});

Deno.test("a user whose messages take the user's share waits alone, with all of its sessions", () => {
  const pressure = new PublishPressure({ pending: 10, capacity: 1_000 }, 10);
  const [ann, bob] = [account(9), account(9)];
  const [one, two, other] = [sessionOf(), sessionOf(), sessionOf()];
  pressure.published(one.session, ann);
  ann.publishes = 10;
  pressure.published(one.session, ann);
  pressure.published(two.session, ann);
  pressure.published(other.session, bob);
  const paused = () => [one, two, other].map(({ state }) => state.paused);
  assert.deepEqual([paused(), pressure.waiting], [[true, true, false], 2]);
  ann.publishes = 6;
  pressure.settled(ann);
  assert.deepEqual(paused(), [true, true, false]);
  ann.publishes = 5;
  pressure.settled(ann);
  assert.deepEqual([paused(), pressure.waiting], [[false, false, false], 0]);
});
