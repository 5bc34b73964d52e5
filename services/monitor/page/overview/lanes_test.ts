import assert from "node:assert/strict";
import { HOP_NAMES } from "../../../contract/telemetry/hops.ts";
import { LANES } from "./lanes.ts";

Deno.test("every hop of the contract is drawn once", () => {
  assert.deepEqual(LANES.flatMap(({ hops }) => hops).toSorted(), HOP_NAMES.toSorted());
});
