import assert from "node:assert/strict";
import { measureLargeRoom } from "./large_room.ts";

Deno.test("a room of 1,000 over 5 gateways: joins share statements, and one reply opens it", async () => {
  const cost = await measureLargeRoom({ members: 1_000, gateways: 5, joinsPerSecond: 4_000 });
  const all = 1_000;
  assert.deepEqual(cost.listed, { gateway: all, rooms: all, newGateway: all, newRooms: all });
  // At 4,000 joins/s a gateway states 8 joins at a time.
  assert.equal(cost.statements, 125);
  assert.ok(cost.statementBytes < 70 * all, `${cost.statementBytes} bytes`);
  assert.equal(cost.opening.requests, 1);
});

Deno.test("a room whose roster exceeds one reply is read from the gateways that do not fit", async () => {
  const cost = await measureLargeRoom({ members: 9_000, gateways: 5, joinsPerSecond: 40_000 });
  const all = 9_000;
  assert.deepEqual(cost.listed, { gateway: all, rooms: all, newGateway: all, newRooms: all });
  assert.ok(cost.opening.requests > 1 && cost.opening.requests <= 1 + 5);
  assert.ok(cost.opening.bytes < 70 * all, `${cost.opening.bytes} bytes`);
});
