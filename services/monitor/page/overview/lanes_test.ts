import assert from "node:assert/strict";
import { HOP_NAMES } from "../../../contract/telemetry/hops.ts";
import { deliveryParts, LANES, tellsNoStoreTime } from "./lanes.ts";

Deno.test("every hop of the contract is drawn once", () => {
  assert.deepEqual(LANES.flatMap(({ hops }) => hops).toSorted(), HOP_NAMES.toSorted());
});

Deno.test("the parts of delivery do not count the same time twice", () => {
  const durations: Record<string, number> = { "bus.store": 2, "bus.deliver": 3, "edge.fanout": 1 };
  const hops = (includesStore: boolean) =>
    deliveryParts((hop) => durations[hop], includesStore).map(({ hop }) => hop);
  assert.deepEqual(hops(false), ["bus.store", "bus.deliver", "edge.fanout"]);
  assert.deepEqual(hops(true), ["bus.deliver", "edge.fanout"]);
  assert.deepEqual(["2.9.10", "2.10.0", "2.15.1"].map(tellsNoStoreTime), [true, false, false]);
  assert.equal(tellsNoStoreTime(null), false);
});
