import assert from "node:assert/strict";
import {
  ALL_RIGHTS,
  parseNamespaces,
  ROOMS_RULES,
  RoomsJoin,
  RoomsPresence,
  RoomsRoster,
  RoomsVerify,
} from "../contract/mod.ts";
import { FaultError, fingerprintOf, request } from "../kit/mod.ts";
import { startNats } from "../../tests/harness/nats.ts";
import { until, within } from "../../tests/harness/wait.ts";
import { connectTestBus, startGateway, type StatingGateway, type TestBus } from "./rooms_suite.ts";
import { followRosters, type RosterService } from "../kit/mod.ts";
import { rulesOf } from "./rules.ts";
import { serveRooms } from "./serve_rooms.ts";

const NAMESPACES = [
  { pattern: "quiet.*", presence: "off" },
  { pattern: "large.*", presence: "counts" },
];

async function withRooms(
  run: (parts: { bus: TestBus; gateway: StatingGateway; rosters: RosterService }) => Promise<void>,
): Promise<void> {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const rosters = await followRosters(bus);
  const rules = rulesOf(parseNamespaces(JSON.stringify({ namespaces: NAMESPACES })));
  const gateway = startGateway(bus, "g1");
  const stop = serveRooms(bus, rules, rosters.follower);
  try {
    await run({ bus, gateway, rosters });
  } finally {
    await stop();
    rosters.stop();
  }
}

/** Users enter a room on a gateway, and rooms knows it. */
async function fill(gateway: StatingGateway, rosters: RosterService, room: string, count: number) {
  const users = Array.from({ length: count }, (_, i) => `u${String(i).padStart(4, "0")}`);
  gateway.enter(room, ...users);
  gateway.state();
  await until("rooms to know", () => rosters.follower.roster(room)?.count === count);
  return users;
}

Deno.test("joins of one request have their own results, and name the rules they follow from", () =>
  withRooms(async ({ bus }) => {
    const announced = Promise.withResolvers<string>();
    bus.nats.subscribe(ROOMS_RULES, {
      callback: (_, message) => announced.resolve(message.json<{ version: string }>().version),
    });
    const { rules, results } = await request(bus, RoomsJoin, {
      claims: [null, ["chat.*"]],
      joins: [
        { room: "lobby", claim: 0 },
        { room: "chat.a", claim: 1 },
        { room: "lobby", claim: 1 },
        { room: "quiet.a", claim: 0 },
        { room: "lobby", claim: 7 },
      ],
    });
    assert.equal(await within("the announcement", announced.promise), rules);
    const grants = results.map((result) => "grant" in result ? result.grant : result.error.code);
    assert.deepEqual(grants, [
      { rights: [...ALL_RIGHTS], stored: true, presence: "on" },
      { rights: [...ALL_RIGHTS], stored: true, presence: "on" },
      "forbidden",
      {
        rights: ["subscribe", "publish", "history", "trace"],
        stored: true,
        namespace: "quiet.*",
        presence: "off",
      },
      "invalid_format",
    ]);
  }));

Deno.test("a gateway gets what others state about the rooms that it opens", () =>
  withRooms(async ({ bus, gateway, rosters }) => {
    await fill(gateway, rosters, "lobby", 2);
    const query = (asker: string) =>
      request(bus, RoomsRoster, { gateway: asker, rooms: ["lobby", "empty"] });
    const users = ["u0000", "u0001"].map((userId) => ({
      userId,
      username: userId.toUpperCase(),
      v: 0,
    }));
    assert.deepEqual((await query("other")).rosters, [[{ gateway: "g1", n: 1, users }], []]);
    assert.deepEqual((await query("g1")).rosters, [[], []]);
  }));

Deno.test("a roster that does not fit into a reply comes without its users", () =>
  withRooms(async ({ bus, gateway, rosters }) => {
    await fill(gateway, rosters, "lobby", 9_000);
    await fill(gateway, rosters, "small", 1);
    const { rosters: [large, small] } = await request(bus, RoomsRoster, {
      gateway: "other",
      rooms: ["lobby", "small"],
    });
    assert.deepEqual([large!.length, large![0]!.users], [1, undefined]);
    assert.equal(small![0]!.users!.length, 1);
  }));

Deno.test("a comparison names the rooms that differ, with what rooms has heard", () =>
  withRooms(async ({ bus, gateway, rosters }) => {
    await fill(gateway, rosters, "lobby", 1);
    const fingerprint = fingerprintOf(rosters.follower.roster("lobby"), "other");
    const compare = (asker: string, fingerprint: number) =>
      request(bus, RoomsVerify, {
        gateway: asker,
        rooms: [{ room: "lobby", fingerprint }, { room: "empty", fingerprint: 0 }],
      });
    assert.deepEqual((await compare("other", fingerprint)).differ, []);
    assert.deepEqual((await compare("g1", 0)).differ, []);
    assert.deepEqual((await compare("other", fingerprint ^ 1)).differ, [
      { room: "lobby", gateways: [{ gateway: "g1", n: 1 }] },
    ]);
  }));

Deno.test("pages of members are complete, in order, and without versions", () =>
  withRooms(async ({ bus, gateway, rosters }) => {
    const users = await fill(gateway, rosters, "lobby", 1_200);
    const found: string[] = [];
    for (let after: string | undefined, more = true; more; after = found.at(-1)) {
      const page = await request(bus, RoomsPresence, { room: "lobby", after, limit: 500 });
      assert.equal(page.count, 1_200);
      for (const member of page.members) {
        assert.deepEqual(Object.keys(member), ["userId", "username"]);
        found.push(member.userId);
      }
      more = page.more;
    }
    assert.deepEqual(found, users);
  }));

Deno.test("pages of members with long states fit into replies, and more says that there are others", () =>
  withRooms(async ({ bus, gateway, rosters }) => {
    for (let i = 0; i < 500; i++) {
      gateway.facts.enter("lobby", `u${i}`, "", { text: "日".repeat(330) });
    }
    gateway.state();
    await until("rooms to know", () => rosters.follower.roster("lobby")?.count === 500);
    const found = new Set<string>();
    let pages = 0;
    for (let after: string | undefined, more = true; more; pages++) {
      const page = await request(bus, RoomsPresence, { room: "lobby", after, limit: 500 });
      for (const { userId } of page.members) found.add(userId);
      after = page.members.at(-1)!.userId;
      more = page.more;
    }
    assert.equal(found.size, 500);
  }));

Deno.test("nobody is named in a room of counts, and a room without presence has no members", () =>
  withRooms(async ({ bus, gateway, rosters }) => {
    await fill(gateway, rosters, "large.a", 3);
    const page = (room: string) => request(bus, RoomsPresence, { room, limit: 10 });
    assert.deepEqual(await page("large.a"), { count: 3, members: [], more: false });
    assert.deepEqual(await page("unknown"), { count: 0, members: [], more: false });
    await assert.rejects(
      page("quiet.a"),
      (error) => error instanceof FaultError && error.fault.code === "forbidden",
    );
  }));
