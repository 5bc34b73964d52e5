import assert from "node:assert/strict";
import { PublishPressure } from "./publish_pressure.ts";
import type { Session } from "../session.ts";

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
  const pressure = new PublishPressure(places);
  const sessions = Array.from({ length: 100 }, sessionOf);
  const paused = () => sessions.filter(({ state }) => state.paused).length;
  for (const { session } of sessions) pressure.published(session);
  assert.equal(paused(), 0);
  places.pending = 751;
  for (const { session } of sessions) pressure.published(session);
  assert.deepEqual([paused(), pressure.waiting], [100, 100]);
  places.pending = 500;
  pressure.settled();
  assert.equal(paused(), 100);
  places.pending = 499;
  pressure.settled();
  assert.equal(paused(), 36);
  pressure.settled();
  assert.deepEqual([paused(), pressure.waiting], [0, 0]);
});
