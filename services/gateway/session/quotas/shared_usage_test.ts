import assert from "node:assert/strict";
import { GatewayUsage, USAGE_TTL_MS } from "../../../contract/mod.ts";
import { RateLimit } from "../rate_limit.ts";
import { Allowance } from "./allowance.ts";
import { type QuotaLimits, Quotas } from "./quotas.ts";
import { usageOf, usedElsewhere } from "./shared_usage.ts";

const LIMITS: QuotaLimits = {
  USER_RATE_FRAMES: 100,
  USER_RATE_BYTES: 100_000,
  USER_RATE_MESSAGES: 100,
  USER_RATE_JOINS: 100,
  USER_RATE_NEW_ROOMS: 100,
  USER_RATE_HISTORY_BYTES: 1_000,
  USER_RATE_CALLS: 100,
  USER_BURST_SECONDS: 10,
  USER_CONNECTIONS: 20,
  USER_ROOMS_OPENED: 3,
  USER_PENDING_ANSWERS: 2,
  USER_PENDING_PUBLISHES: 2,
  ADDRESS_FACTOR: 2,
  ADDRESS_CONNECTIONS: 20,
  ADDRESS_UNAUTHENTICATED: 10,
  HISTORY_BUDGET_BYTES: 1_000_000,
};

/** Two gateways, and what the first one tells the second one now. */
function gateways() {
  const [here, there] = [new Quotas(LIMITS), new Quotas(LIMITS)];
  const share = (now = performance.now()) => {
    const usage = GatewayUsage.parse({ gateway: "here", ...usageOf(here, 1_000) });
    usedElsewhere(there, usage, now);
    return usage;
  };
  return { here, there, share };
}

const open = (quotas: Quotas, address: string, user?: string) => {
  const allowance = new Allowance(quotas, address, new RateLimit(100, 100, 0));
  return { allowance, close: user === undefined ? null : allowance.authenticated(user) };
};

Deno.test("what busy users used is taken from their quotas elsewhere, and not passed on from there", () => {
  const { here, there, share } = gateways();
  here.users.hold("ann").take("messages", 900, 0);
  here.users.hold("bob").take("messages", 5, 0);
  const ann = there.users.hold("ann");
  const used = [0, 0, 900, 0, 0, 0, 0];
  assert.deepEqual(share(0).users, [{ userId: "ann", used, connections: 0 }]);
  assert.deepEqual(share(0).users, []);
  assert.ok(ann.take("messages", 101, 0) > 0);
  assert.equal(ann.take("messages", 100, 0), 0);
  assert.deepEqual(usageOf(there, 1_000).users.map(({ used }) => used[2]), [100]);
});

Deno.test("joins, new rooms, history and calls are shared in the same way", () => {
  const { here, there, share } = gateways();
  const [ann, annThere] = [here.users.hold("ann"), there.users.hold("ann")];
  for (const quota of ["joins", "rooms", "calls"] as const) ann.take(quota, 1_000, 0);
  // Charged when it is known, above the limit.
  ann.charge("history", 30_000, 0);
  share(0);
  for (const quota of ["joins", "rooms", "calls", "history"] as const) {
    assert.ok(annThere.take(quota, 100, 0) > 0, quota);
  }
  assert.ok(annThere.take("history", 1, 0) > 19_000);
  assert.equal(annThere.take("messages", 1_000, 0), 0);
});

Deno.test("messages in a namespace with a rate of its own are taken from that rate elsewhere", () => {
  const { here, there, share } = gateways();
  const [ann, annThere] = [here.users.hold("ann"), there.users.hold("ann")];
  for (let i = 0; i < 20; i++) {
    ann.take("frames", 1, 0);
    assert.equal(ann.takeIn("slow.>", 2, 0), 0);
  }
  assert.deepEqual(share(0).users[0]!.namespaces, [{ namespace: "slow.>", ms: 10_000 }]);
  assert.equal(share(0).users.length, 0);
  assert.ok(annThere.takeIn("slow.>", 2, 0) > 0);
  assert.equal(annThere.takeIn("other.>", 2, 0), 0);
});

Deno.test("addresses share their rates and connections, users their connections", () => {
  const { here, there, share } = gateways();
  for (let i = 0; i < 15; i++) open(here, "192.0.2.1", "ann");
  for (let i = 0; i < 5; i++) open(here, "192.0.2.2");
  here.addresses.find("192.0.2.1")!.take("frames", 2_000, 0);
  share();
  assert.equal(there.addressIsFull("192.0.2.1"), false);
  const connections = Array.from({ length: 6 }, () => open(there, "192.0.2.1", "ann"));
  // The client may come back: the others may have closed theirs meanwhile.
  assert.deepEqual(connections.map(({ close }) => close), [...Array(5).fill(null), "unavailable"]);
  assert.ok(there.addressIsFull("192.0.2.1"));
  share();
  assert.equal(connections[0]!.allowance.frame("", 1, performance.now())?.code, undefined);
  for (let i = 0; i < 5; i++) open(there, "192.0.2.2");
  assert.ok(there.addressIsFull("192.0.2.2"), "connections without a token");
  assert.equal(there.addressIsFull("192.0.2.3"), false);
});

Deno.test("what a gateway told of connections counts for three seconds, or until its next message", () => {
  const { here, there, share } = gateways();
  const connections = Array.from({ length: 20 }, () => open(here, "192.0.2.1", "ann"));
  share();
  const now = performance.now();
  assert.equal(there.elsewhere.ofUser("ann", now), 20);
  assert.equal(there.elsewhere.ofUser("ann", now + USAGE_TTL_MS + 1_000), 0);
  for (const { allowance } of connections) allowance.end();
  share();
  assert.equal(there.elsewhere.ofUser("ann", performance.now()), 0);
  assert.equal(there.addressIsFull("192.0.2.1"), false);
});

Deno.test("a message has the busiest of many users and addresses, and many gateways are bounded", () => {
  const { here, there } = gateways();
  for (let i = 0; i < 300; i++) {
    here.users.hold(`u${i}`).take("joins", 100 + i, 0);
    here.addresses.hold(`192.0.2.${i}`).take("joins", 100 + i, 0);
  }
  const usage = usageOf(here, 1_000);
  assert.deepEqual([usage.users.length, usage.addresses.length], [200, 200]);
  assert.equal(usage.users[0]!.userId, "u299");
  assert.equal(usage.users.at(-1)!.userId, "u100");
  const connections = { userId: "ann", used: Array(7).fill(0), connections: 1 };
  for (let i = 0; i < 1_000; i++) {
    there.elsewhere.told({ gateway: `g${i}`, users: [connections], addresses: [] }, 0);
  }
  assert.equal(there.elsewhere.ofUser("ann", 0), 256);
});
