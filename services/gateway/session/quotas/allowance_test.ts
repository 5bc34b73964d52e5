import assert from "node:assert/strict";
import { faultOf } from "../../../kit/mod.ts";
import { RateLimit } from "../rate_limit.ts";
import { Allowance } from "./allowance.ts";
import { type QuotaLimits, Quotas } from "./quotas.ts";

const LIMITS: QuotaLimits = {
  USER_RATE_FRAMES: 10,
  USER_RATE_BYTES: 1_000,
  USER_RATE_MESSAGES: 10,
  USER_RATE_JOINS: 10,
  USER_RATE_NEW_ROOMS: 10,
  USER_RATE_HISTORY_BYTES: 1_000,
  USER_RATE_CALLS: 10,
  USER_BURST_SECONDS: 1,
  USER_CONNECTIONS: 2,
  USER_ROOMS_OPENED: 3,
  USER_PENDING_ANSWERS: 2,
  USER_PENDING_PUBLISHES: 2,
  ADDRESS_FACTOR: 2,
  ADDRESS_CONNECTIONS: 3,
  ADDRESS_UNAUTHENTICATED: 2,
  HISTORY_BUDGET_BYTES: 1_000_000,
};

function connect(quotas: Quotas, address: string, user?: string) {
  const allowance = new Allowance(quotas, address, new RateLimit(100, 100, 0));
  const accepted = user === undefined || allowance.authenticated(user) === null;
  return { allowance, accepted };
}

const codeOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return faultOf(error).code;
  }
};

Deno.test("frames count for the user over connections and addresses, and for the address over users", () => {
  const quotas = new Quotas(LIMITS);
  const one = connect(quotas, "192.0.2.1", "ann").allowance;
  const two = connect(quotas, "192.0.2.2", "ann").allowance;
  const codes = (allowance: Allowance, count: number) =>
    Array.from({ length: count }, () => allowance.frame("", 10, 0)?.code ?? "ok");
  assert.deepEqual(codes(one, 6), Array(6).fill("ok"));
  assert.deepEqual(codes(two, 5), [...Array(4).fill("ok"), "rate_limited"]);
  const bob = connect(quotas, "192.0.2.1", "bob").allowance;
  assert.deepEqual(codes(bob, 10), Array(10).fill("ok"));
  const cid = connect(quotas, "192.0.2.1", "cid").allowance;
  assert.deepEqual(codes(cid, 5), [...Array(4).fill("ok"), "unavailable"]);
  assert.equal(two.frame("", 10, 100), null);
});

Deno.test("large frames cost more", () => {
  const { allowance } = connect(new Quotas(LIMITS), "192.0.2.1", "ann");
  assert.equal(allowance.frame("", 900, 0), null);
  assert.deepEqual(allowance.frame("", 200, 0)?.retryAfter, 100);
});

Deno.test("many values in a large frame cost more than a text of the same length", () => {
  const limits = { ...LIMITS, USER_RATE_BYTES: 200_000 };
  const afterFrame = (text: string) => {
    const { allowance } = connect(new Quotas(limits), "192.0.2.1", "ann");
    assert.equal(allowance.frame(text, text.length, 0), null);
    return allowance.frame("", 1, 0)?.retryAfter ?? 0;
  };
  assert.equal(afterFrame("x".repeat(60_000)), 0);
  assert.equal(afterFrame("[".repeat(1_000)), 0);
  // 3.9 MB, of which 0.2 are there.
  assert.ok(afterFrame("[".repeat(60_000)) > 18_000);
});

Deno.test("all addresses of an IPv6 network are one, and one network is not another", () => {
  const quotas = new Quotas(LIMITS);
  connect(quotas, "2001:db8:1:2::1");
  connect(quotas, "2001:db8:1:2:ffff::9");
  assert.equal(quotas.addressIsFull("2001:db8:1:2:3:4:5:6"), true);
  assert.equal(quotas.addressIsFull("2001:db8:1:3::1"), false);
});

Deno.test("connections, requests and rooms are counted, and given back", () => {
  const quotas = new Quotas(LIMITS);
  const first = connect(quotas, "192.0.2.1");
  assert.deepEqual([quotas.unauthenticated, quotas.addressIsFull("192.0.2.1")], [1, false]);
  const second = connect(quotas, "192.0.2.1");
  assert.equal(quotas.addressIsFull("192.0.2.1"), true);
  assert.deepEqual([first, second].map(({ allowance }) => allowance.authenticated("ann")), [
    null,
    null,
  ]);
  assert.deepEqual([quotas.unauthenticated, quotas.addressIsFull("192.0.2.1")], [0, false]);
  const third = connect(quotas, "192.0.2.1", "ann");
  assert.deepEqual([third.accepted, quotas.addressIsFull("192.0.2.1")], [false, true]);

  const { allowance } = first;
  const [ended] = [allowance.requestBegan(), second.allowance.requestBegan()];
  assert.equal(codeOf(() => allowance.requestBegan()), "rate_limited");
  ended!();
  allowance.requestBegan();

  const closed = [1, 2, 3].map(() => allowance.roomOpened());
  assert.equal(codeOf(() => second.allowance.roomOpened()), "rate_limited");
  closed[0]!();
  second.allowance.roomOpened();

  for (const { allowance } of [first, second, third]) {
    allowance.end();
    allowance.end();
  }
  assert.deepEqual([quotas.unauthenticated, quotas.addressIsFull("192.0.2.1")], [0, false]);
});
