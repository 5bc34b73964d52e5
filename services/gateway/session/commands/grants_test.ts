import assert from "node:assert/strict";
import { ALL_RIGHTS, type Identity, ROOMS_RULES, RoomsJoin } from "../../../contract/mod.ts";
import { connectBus, createLogger, FaultError, serve } from "../../../kit/mod.ts";
import { startNats } from "../../../../tests/harness/nats.ts";
import { until } from "../../../../tests/harness/wait.ts";
import { createGrants, type Grants } from "./grants.ts";

const always = () => true;
const user = (userId: string, rooms: Identity["rooms"] = null): Identity => ({
  userId,
  username: userId,
  expiresAt: null,
  rooms,
  calls: [],
  tokenId: null,
  issuedAt: null,
});

/** Grants of a gateway, and a rooms service that counts what it is asked. */
async function withGrants(
  run: (parts: {
    grants: Grants;
    server: Awaited<ReturnType<typeof startNats>>;
    /** The requests so far: their claims and rooms. */
    asked: { claims: number; rooms: string[] }[];
    /** Sets the version of the rules, and announces it. */
    rule(version: string): void;
  }) => Promise<void>,
): Promise<void> {
  await using server = await startNats();
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: server.url, name: "test", log });
  const asked: { claims: number; rooms: string[] }[] = [];
  let rules = "1";
  serve(bus, RoomsJoin, "rooms", ({ claims, joins }) => {
    asked.push({ claims: claims.length, rooms: joins.map(({ room }) => room) });
    const results = joins.map(({ room }) =>
      room === "closed"
        ? { error: { ...new FaultError("forbidden").fault } }
        : { grant: { rights: [...ALL_RIGHTS], stored: true, presence: "on" as const } }
    );
    return { rules, results };
  });
  const grants = createGrants(bus);
  try {
    await run({
      grants,
      server,
      asked,
      rule(version) {
        rules = version;
        bus.nats.publish(ROOMS_RULES, JSON.stringify({ version }));
      },
    });
  } finally {
    grants.close();
    await bus.drain();
  }
}

Deno.test("a grant is remembered, for every user with the same claim", () =>
  withGrants(async ({ grants, asked }) => {
    const first = await grants.get("lobby", user("ann"), always);
    assert.deepEqual(grants.get("lobby", user("bob"), always), first);
    await grants.get("lobby", user("cid", ["lobby"]), always);
    // An equal claim of another token.
    await grants.get("lobby", user("dan", ["lobby"]), always);
    await grants.get("lobby", user("eve", ["*"]), always);
    await grants.get("garden", user("ann"), always);
    assert.deepEqual(asked.map(({ rooms }) => rooms.join()), ["lobby", "lobby", "lobby", "garden"]);
    assert.deepEqual(grants.size, { remembered: 4, waiting: 0 });
  }));

Deno.test("joins that arrive together travel together, each claim once", () =>
  withGrants(async ({ grants, asked }) => {
    const joins = Array.from(
      { length: 100 },
      (_, i) => grants.get(`r${i}`, user(`u${i}`, i % 2 === 0 ? null : ["*"]), always),
    );
    await Promise.all(joins);
    assert.deepEqual(asked.map(({ claims, rooms }) => [claims, rooms.length]), [[2, 100]]);
  }));

Deno.test("a refusal is not remembered, and refuses no other join of its batch", () =>
  withGrants(async ({ grants, asked }) => {
    const closed = async () => await grants.get("closed", user("ann"), always);
    const [refused, granted] = await Promise.allSettled([
      closed(),
      grants.get("lobby", user("ann"), always),
    ]);
    assert.ok(refused.status === "rejected" && refused.reason.fault.code === "forbidden");
    assert.equal(granted.status, "fulfilled");
    await assert.rejects(closed(), FaultError);
    assert.equal(asked.length, 2);
  }));

Deno.test("other rules void what is remembered; the same ones do not", () =>
  withGrants(async ({ grants, asked, rule }) => {
    await grants.get("lobby", user("ann"), always);
    rule("1");
    await grants.get("garden", user("ann"), always);
    assert.equal(grants.size.remembered, 2);
    rule("2");
    await until("the rules to arrive", () => grants.size.remembered === 0);
    await grants.get("lobby", user("ann"), always);
    assert.equal(asked.length, 3);
    // A reply names the rules, too.
    rule("3");
    await grants.get("garden", user("ann"), always);
    assert.equal(grants.size.remembered, 1);
  }));

Deno.test("after a reconnect nothing is remembered: rules may have changed meanwhile", () =>
  withGrants(async ({ grants, server }) => {
    await grants.get("lobby", user("ann"), always);
    await server.restart();
    await until("the reconnect", () => grants.size.remembered === 0);
    await until("rooms to answer", () => grants.get("lobby", user("ann"), always));
  }));

Deno.test("no more than 20,000 grants are remembered, and the oldest make room", () =>
  withGrants(async ({ grants, asked }) => {
    const get = (i: number) => grants.get(`r${i}`, user("ann"), always);
    for (let i = 0; i < 20_010; i += 1_000) {
      await Promise.all(
        Array.from({ length: Math.min(1_000, 20_010 - i) }, (_, j) => get(i + j)),
      );
    }
    assert.equal(grants.size.remembered, 20_000);
    const before = asked.length;
    await get(20_009);
    assert.equal(asked.length, before);
    await get(0);
    assert.equal(asked.length, before + 1);
  }));

Deno.test("a join whose client has gone is not requested", () =>
  withGrants(async ({ grants, asked }) => {
    const gone = async () => await grants.get("lobby", user("ann"), () => false);
    await assert.rejects(gone(), FaultError);
    assert.equal(asked.length, 0);
  }));
