import assert from "node:assert/strict";
import type { ApiKey, Fault } from "../../contract/mod.ts";
import { faultOf } from "../../kit/mod.ts";
import { createLimits } from "./limits.ts";

const key = (id: string, rate?: number): ApiKey => ({
  id,
  name: "",
  hash: "0".repeat(64),
  scopes: [],
  createdAt: 0,
  rate,
});

/** The refusal of something that is refused. */
function refusal(run: () => unknown): Partial<Fault> {
  try {
    run();
  } catch (error) {
    return faultOf(error);
  }
  throw new Error("it was not refused");
}

Deno.test("a key may use twice its rate at once, and then its rate", () => {
  let now = 0;
  const limits = createLimits({ rate: 10, perKey: 9, all: 9, now: () => now });
  const one = key("one");
  for (let i = 0; i < 20; i++) limits.take(one, 1);
  const { code, retryAfter } = refusal(() => limits.take(one, 1));
  assert.deepEqual([code, retryAfter], ["rate_limited", 100]);
  // Another key has its own, and its own rate.
  const other = key("other", 1);
  limits.take(other, 1);
  limits.take(other, 1);
  assert.equal(refusal(() => limits.take(other, 1)).retryAfter, 1_000);
  now = 100;
  limits.take(one, 1);
  assert.throws(() => limits.take(one, 1));
});

Deno.test("what costs more than is left is done, and owed", () => {
  let now = 0;
  const limits = createLimits({ rate: 10, perKey: 9, all: 9, now: () => now });
  const one = key("one");
  limits.take(one, 1);
  limits.charge(one, 99);
  assert.equal(refusal(() => limits.take(one, 1)).retryAfter, 8_100);
  now = 8_100;
  limits.take(one, 1);
});

Deno.test("requests in progress are limited, of one key and of all", () => {
  const limits = createLimits({ rate: 10, perKey: 2, all: 3 });
  const ends = [key("a"), key("a"), key("b")].map((one) => limits.begin(one));
  assert.equal(limits.active, 3);
  assert.equal(refusal(() => limits.begin(key("c"))).code, "unavailable");
  ends[2]!();
  assert.equal(refusal(() => limits.begin(key("a"))).code, "rate_limited");
  ends[0]!();
  limits.begin(key("a"));
});
