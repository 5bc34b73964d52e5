import assert from "node:assert/strict";
import { bucketOf, ROOM_BUCKETS } from "../../contract/mod.ts";
import { Digest, hashFact } from "./digest.ts";

const fact = (userId: string, v = 0) => ({ userId, username: "", v });

Deno.test("the order of additions does not matter, and a removal undoes one", () => {
  const [one, two] = [new Digest(), new Digest()];
  for (let i = 0; i < 500; i++) one.add(`r${i % 90}`, fact(`u${i}`, i));
  for (let i = 499; i >= 0; i--) two.add(`r${i % 90}`, fact(`u${i}`, i));
  two.add("more", fact("u"));
  assert.notEqual(one.total, two.total);
  two.remove("more", fact("u"));
  assert.deepEqual([one.total, one.facts, one.buckets], [two.total, two.facts, two.buckets]);
  assert.equal(one.buckets.length, ROOM_BUCKETS);
  for (let i = 0; i < 500; i++) one.remove(`r${i % 90}`, fact(`u${i}`, i));
  assert.deepEqual([one.total, one.facts, new Set(one.buckets)], [0, 0, new Set([0])]);
});

Deno.test("a fact counts in the bucket of its room alone", () => {
  const digest = new Digest();
  digest.add("lobby", fact("ann", 3));
  const used = digest.buckets.flatMap((sum, i) => sum === 0 ? [] : [i]);
  assert.deepEqual(used, [bucketOf("lobby")]);
  assert.equal(digest.buckets[used[0]!], digest.total);
});

Deno.test("room, user and version all matter, also where texts differ at their ends only", () => {
  const hashes = new Set<number>();
  for (const room of ["r1", "r2"]) {
    for (let i = 0; i < 1_000; i++) hashes.add(hashFact(room, fact(`u${i}`, i % 2)));
    hashes.add(hashFact(room, fact("u0", 7)));
  }
  assert.equal(hashes.size, 2_002);
  // Two users that swap a room each: sums of plain FNV-1a would be equal.
  const [a, b] = [new Digest(), new Digest()];
  a.add("r1", fact("u1"));
  a.add("r2", fact("u2"));
  b.add("r1", fact("u2"));
  b.add("r2", fact("u1"));
  assert.notEqual(a.total, b.total);
});
