import assert from "node:assert/strict";
import { bucketOf } from "../../contract/mod.ts";
import { Comparisons } from "./comparisons.ts";
import { Digest } from "./digest.ts";

const fact = (userId: string) => ({ userId, username: "", v: 0 });

/** A heartbeat of a gateway that holds these users in "lobby". */
function alive(...users: string[]) {
  const digest = new Digest();
  for (const user of users) digest.add("lobby", fact(user));
  return {
    digest,
    beat: { gateway: "g", lease: 3_500, facts: digest.facts, digest: digest.total },
  };
}

Deno.test("a comparison begins when digests differ, one at a time and once a second", () => {
  const comparisons = new Comparisons();
  const { beat } = alive("ann");
  assert.equal(comparisons.begin(beat, 0), true);
  assert.equal(comparisons.begin(beat, 5_000), false);
  comparisons.ended("g", false);
  assert.deepEqual([comparisons.answered("g"), comparisons.begin(beat, 999)], [false, false]);
  assert.equal(comparisons.begin(beat, 1_000), true);
  comparisons.ended("g", true);
  assert.equal(comparisons.answered("g"), true);
});

Deno.test("equal facts need no comparison", () => {
  const comparisons = new Comparisons();
  const { beat } = alive("ann", "bob");
  comparisons.count("lobby", "g", fact("bob"), true);
  assert.equal(comparisons.matches(beat), false);
  comparisons.count("lobby", "g", fact("ann"), true);
  assert.deepEqual([comparisons.matches(beat), comparisons.begin(beat, 0)], [true, false]);
  comparisons.count("lobby", "g", fact("ann"), false);
  assert.equal(comparisons.begin(beat, 0), true);
});

Deno.test("only the buckets that differ are named", () => {
  const comparisons = new Comparisons();
  const { digest } = alive("ann");
  comparisons.count("elsewhere", "g", fact("ann"), true);
  const expected = [bucketOf("lobby"), bucketOf("elsewhere")].sort((a, b) => a - b);
  assert.deepEqual(comparisons.differing("g", digest.buckets), expected);
  comparisons.count("lobby", "g", fact("ann"), true);
  assert.deepEqual(comparisons.differing("g", digest.buckets), [bucketOf("elsewhere")]);
});

Deno.test("a gateway that is dropped is unknown again", () => {
  const comparisons = new Comparisons();
  comparisons.begin(alive("ann").beat, 0);
  comparisons.ended("g", true);
  comparisons.drop("g");
  assert.equal(comparisons.answered("g"), false);
  assert.equal(comparisons.begin(alive("ann").beat, 1), true);
});
