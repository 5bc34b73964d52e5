import assert from "node:assert/strict";
import { largeRoom } from "./large_room.ts";

Deno.test("a room over many gateways: a statement carries many joins, and every listener lists all", async () => {
  const { statements, deliveries, listed, openPages } = await largeRoom(2_000, 5, 20);
  assert.deepEqual(listed, Array.from({ length: 7 }, () => 2_000));
  assert.equal(statements, 100);
  assert.equal(deliveries, 500);
  assert.equal(openPages, 5);
});
