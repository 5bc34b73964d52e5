import assert from "node:assert/strict";
import { fingerprintOf } from "./fingerprint.ts";
import { Roster } from "./roster.ts";

const users = [{ userId: "ann", username: "", v: 0 }];

function rosterOf(...parts: [gateway: string, n: number][]): Roster {
  const roster = new Roster();
  for (const [gateway, n] of parts) roster.load(gateway, { n, users });
  return roster;
}

Deno.test("equal statements have equal fingerprints, in any order", () => {
  const one = rosterOf(["a", 1], ["b", 2]);
  assert.equal(fingerprintOf(one, ""), fingerprintOf(rosterOf(["b", 2], ["a", 1]), ""));
  assert.notEqual(fingerprintOf(one, ""), fingerprintOf(rosterOf(["a", 2], ["b", 1]), ""));
  assert.notEqual(fingerprintOf(one, ""), fingerprintOf(rosterOf(["a", 1]), ""));
});

Deno.test("the gateway that compares does not count", () => {
  const one = rosterOf(["a", 1], ["b", 2]);
  assert.equal(fingerprintOf(one, "b"), fingerprintOf(rosterOf(["a", 1], ["b", 9]), "b"));
  assert.equal(fingerprintOf(one, "b"), fingerprintOf(rosterOf(["a", 1]), "b"));
});

Deno.test("an empty roster and a missing one have 0", () => {
  assert.equal(fingerprintOf(undefined, ""), 0);
  assert.equal(fingerprintOf(new Roster(), ""), 0);
  assert.equal(fingerprintOf(rosterOf(["a", 1]), "a"), 0);
});
