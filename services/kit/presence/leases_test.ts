import assert from "node:assert/strict";
import { Leases } from "./leases.ts";

Deno.test("whatever a gateway says renews its lease", () => {
  const leases = new Leases();
  assert.equal(leases.heard("g", 0, 1_000), true);
  assert.equal(leases.heard("g", 900), false);
  assert.deepEqual(leases.expire(1_899), []);
  assert.deepEqual(leases.expire(1_900), ["g"]);
  assert.deepEqual([leases.has("g"), leases.size], [false, 0]);
  assert.equal(leases.heard("g", 2_000), true);
});

Deno.test("the last heartbeat may shorten the lease; a late statement does not", () => {
  const leases = new Leases();
  leases.heard("g", 0, 3_500);
  leases.heard("g", 100, 200);
  assert.deepEqual(leases.expire(299), []);
  leases.heard("g", 150);
  assert.deepEqual(leases.expire(350), ["g"]);
});

Deno.test("a gateway that has only stated something has a lease, too", () => {
  const leases = new Leases();
  leases.heard("g", 0);
  assert.deepEqual(leases.expire(3_000), []);
  assert.deepEqual(leases.expire(4_000), ["g"]);
});

Deno.test("after a pause every lease begins anew, and only those that ran out end", () => {
  const leases = new Leases();
  leases.heard("a", 0, 1_000);
  leases.heard("b", 0, 5_000);
  leases.renewAll(60_000);
  assert.deepEqual(leases.expire(60_999), []);
  assert.deepEqual([leases.expire(61_000), [...leases.gateways()]], [["a"], ["b"]]);
});
