import assert from "node:assert/strict";
import { AcceptRate, ASSUMED_ACCEPTS } from "./accept_rate.ts";
import { planDrain } from "./drain_plan.ts";

Deno.test("the window follows from the clients and from what the others can take", () => {
  const situation = { clients: 15_000, othersAccept: 3_000, ownAccept: 1_000, maxStay: 10_000 };
  assert.deepEqual(planDrain(situation), { window: 7_143, stay: 7_143 });
  assert.deepEqual(planDrain({ ...situation, clients: 3 }), { window: 2, stay: 2 });
  assert.deepEqual(planDrain({ ...situation, clients: 0 }), { window: 0, stay: 0 });
  // Others with less to offer: the last clients leave early and wait for their turn.
  assert.deepEqual(planDrain({ ...situation, othersAccept: 1_000 }), {
    window: 21_429,
    stay: 10_000,
  });
});

Deno.test("where there is no other gateway, everybody leaves at once and comes back spread", () => {
  const situation = { clients: 10, othersAccept: 0, ownAccept: 1_000, maxStay: 10_000 };
  assert.deepEqual(planDrain(situation), { window: 1_500, stay: 0 });
  assert.deepEqual(planDrain({ ...situation, clients: 7_000 }), { window: 10_000, stay: 0 });
});

Deno.test("the best rate over three seconds counts, and is slowly forgotten", () => {
  const rate = new AcceptRate();
  const second = (clients: number) => {
    for (let i = 0; i < clients; i++) rate.add();
    rate.tick();
  };
  second(10);
  assert.equal(rate.perSecond, ASSUMED_ACCEPTS);
  // A burst within one second is no rate.
  second(2_000);
  second(10);
  assert.equal(rate.perSecond, ASSUMED_ACCEPTS);
  for (let i = 0; i < 3; i++) second(3_000);
  assert.equal(rate.perSecond, 3_000);
  for (let i = 0; i < 600; i++) second(0);
  assert.ok(rate.perSecond > 2_000 && rate.perSecond < 3_000);
  for (let i = 0; i < 10_000; i++) second(0);
  assert.equal(rate.perSecond, ASSUMED_ACCEPTS);
});
