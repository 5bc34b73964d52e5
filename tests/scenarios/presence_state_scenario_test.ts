/** The state of a user in a room, and users that are on several gateways. */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import { PRESENCE_CHANGES, type PresenceChange } from "../../services/contract/mod.ts";
import { startSystem, tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { join, members, passBy, told, untilListed } from "./presence_members.ts";

Deno.test("a user's state reaches members on both gateways, once per change", async (t) => {
  await using system = await startSystem({
    gateways: 2,
    namespaces: [
      { pattern: "counts.*", presence: "counts" },
      { pattern: "off.*", presence: "off" },
    ],
  });
  const ann = await system.client({ user: "ann", gateway: 0 });
  const near = await system.client({ user: "near", gateway: 0 });
  const far = await system.client({ user: "far", gateway: 1 });
  const watchers = [near, far];

  await t.step("with the join", async () => {
    for (const client of watchers) await join(client, "hall");
    await join(ann, "hall", { status: "here" });
    for (const client of watchers) {
      const { presence } = await client.take("user-joined", ({ userId }) => userId === "ann");
      assert.deepEqual(presence, { status: "here" });
    }
  });

  await t.step("with each update, which the user's own connection does not get", async () => {
    for (const presence of [{ status: "away" }, { status: "busy", until: 5 }, null]) {
      ann.send({ type: "update-presence", room: "hall", presence });
      for (const client of watchers) {
        const updated = await client.take("user-updated");
        assert.deepEqual([updated.userId, updated.presence], ["ann", presence ?? undefined]);
      }
    }
    for (const client of watchers) {
      assert.equal(told(client, "hall").filter((one) => one === "~ann").length, 3);
    }
    assert.deepEqual(told(ann, "hall"), []);
  });

  await t.step("and is in pages, also for whoever joins later", async () => {
    ann.send({ type: "update-presence", room: "hall", presence: { status: "away" } });
    for (const client of watchers) await client.take("user-updated");
    const late = await system.client({ user: "late", gateway: 1 });
    await join(late, "hall");
    for (const client of [late, ...watchers]) {
      const listed = (await members(client, "hall")).find(({ userId }) => userId === "ann");
      assert.deepEqual(listed, { userId: "ann", username: "ann", presence: { status: "away" } });
    }
  });

  await t.step("another tab on another gateway has the same state, and changes it", async () => {
    const tab = await system.client({ user: "ann", gateway: 1 });
    await join(tab, "hall");
    tab.send({ type: "update-presence", room: "hall", presence: { status: "tab" } });
    for (const client of watchers) {
      assert.deepEqual((await client.take("user-updated")).presence, { status: "tab" });
    }
    tab.send({ type: "unsubscribe", room: "hall" });
    await tab.take("unsubscribed");
  });

  await t.step("is at most 1,024 bytes", async () => {
    // {"s":"..."} takes 8 bytes beside the text; a character of three bytes counts as three.
    const largest = { s: "x".repeat(1_016) };
    ann.send({ type: "update-presence", room: "hall", presence: largest });
    for (const client of watchers) {
      await client.take("user-updated", ({ presence }) => presence?.s === largest.s);
    }
    const tooLarge = [{ s: "x".repeat(1_017) }, { s: "日".repeat(339) }];
    for (const [i, presence] of [...tooLarge, "away", [1]].entries()) {
      ann.send({ type: "update-presence", room: "hall", presence, id: `large${i}` });
      const error = await ann.answer(`large${i}`);
      assert.equal(error.type === "error" && error.code, "invalid_format");
    }
    ann.send({ type: "subscribe", room: "other", presence: tooLarge[0], id: "large" });
    const error = await ann.answer("large");
    assert.equal(error.type === "error" && error.code, "invalid_format");
  });

  await t.step("needs the right to publish, a membership, and a room with presence", async () => {
    const bare = await system.client({
      user: "bare",
      claims: { rooms: { hall: ["subscribe", "presence"] } },
    });
    const code = async (client: typeof ann, frame: object) => {
      client.send({ ...frame, id: "refused" });
      const answer = await client.answer("refused");
      return answer.type === "error" ? answer.code : answer.type;
    };
    const presence = { status: "away" };
    assert.equal(await code(bare, { type: "subscribe", room: "hall", presence }), "forbidden");
    await join(bare, "hall");
    assert.equal(
      await code(bare, { type: "update-presence", room: "hall", presence }),
      "forbidden",
    );
    assert.equal(
      await code(ann, { type: "update-presence", room: "unknown", presence }),
      "room_not_found",
    );
    assert.equal(await code(ann, { type: "subscribe", room: "off.a", presence }), "forbidden");
    await join(ann, "off.a");
    assert.equal(
      await code(ann, { type: "update-presence", room: "off.a", presence }),
      "forbidden",
    );
  });

  await t.step("nobody sees it in a room of counts", async () => {
    for (const client of watchers) await join(client, "counts.a");
    await join(ann, "counts.a", { status: "secret" });
    ann.send({ type: "update-presence", room: "counts.a", presence: { status: "secret too" } });
    for (const client of watchers) {
      await client.take("presence", ({ room, count }) => room === "counts.a" && count === 3);
      assert.deepEqual([await members(client, "counts.a"), told(client, "counts.a")], [[], []]);
      assert.ok(!JSON.stringify(client.frames).includes("secret"));
    }
  });
});

Deno.test("two tabs on two gateways are one member, and moving tells nobody anything", async () => {
  await using system = await startSystem({ gateways: 2 });
  const watchers = [
    await system.client({ user: "near", gateway: 0 }),
    await system.client({ user: "far", gateway: 1 }),
  ];
  for (const client of watchers) await join(client, "hall");
  for (const client of watchers) await untilListed(client, "hall", "far,near");
  const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
  /** How often gateways have stated that ann left. */
  let released = 0;
  nats.subscribe(PRESENCE_CHANGES, {
    callback: (_, message) => {
      if (message.json<PresenceChange>().went?.includes("ann")) released++;
    },
  });
  await nats.flush();

  const tabs = [
    await system.client({ user: "ann", gateway: 0 }),
    await system.client({ user: "ann", gateway: 1 }),
  ];
  for (const tab of tabs) assert.equal((await join(tab, "hall")).count, 3);
  // Whoever is told of Eve has heard of the tab on gateway 1 too.
  await passBy(await system.client({ user: "eve", gateway: 1 }), "hall", watchers, "eve");
  tabs[0]!.send({ type: "unsubscribe", room: "hall" });
  await until("gateway 0 to state it", () => released === 1);
  // Her connection to gateway 1 is lost, and she comes back to gateway 0.
  tabs[1]!.close();
  const moved = await system.client({ user: "ann", gateway: 0 });
  assert.equal((await join(moved, "hall")).count, 4);
  await until("the grace period to end", () => released === 2);
  await passBy(await system.client({ user: "bob", gateway: 1 }), "hall", watchers, "bob");
  for (const client of watchers) {
    assert.deepEqual(told(client, "hall").filter((one) => /ann|bob/.test(one)), ["+ann", "+bob"]);
  }
  moved.send({ type: "unsubscribe", room: "hall" });
  for (const client of watchers) await client.take("user-left", ({ userId }) => userId === "ann");
  await nats.close();
});

Deno.test("renewing a token with other rooms and leaving leaves no ghost members", async () => {
  await using system = await startSystem({ gateways: 2 });
  const watcher = await system.client({ user: "watcher", gateway: 1 });
  await join(watcher, "hall");
  const users = Array.from({ length: 20 }, (_, i) => `u${String(i).padStart(2, "0")}`);
  const clients = await Promise.all(users.map((user) => system.client({ user, gateway: 0 })));
  for (const client of clients) await join(client, "hall");
  await untilListed(watcher, "hall", [...users, "watcher"].join());
  const renew = (i: number, rooms: string[]) =>
    until("the new token", async () => {
      // A token is refused while the grants of the one before are still being renewed.
      clients[i]!.send({
        type: "auth",
        token: await tokenFor(users[i]!, { rooms }),
        id: "renewed",
      });
      return (await clients[i]!.answer("renewed")).type === "authenticated";
    });
  for (const i of clients.keys()) {
    await renew(i, ["hall", "x"]);
    await renew(i, ["hall", "y.*"]);
  }
  // Some leave, some lose their connection, some lose the right.
  for (const [i, client] of clients.entries()) {
    if (i % 3 === 0) client.send({ type: "unsubscribe", room: "hall" });
    else if (i % 3 === 1) client.close();
    else await renew(i, ["z"]);
  }
  await untilListed(watcher, "hall", "watcher");
  assert.deepEqual(
    told(watcher, "hall").sort(),
    [...users.map((user) => `+${user}`), ...users.map((user) => `-${user}`)].sort(),
  );
  // Rooms agrees: a gateway that opens the room anew sees nobody else.
  watcher.send({ type: "unsubscribe", room: "hall" });
  await watcher.take("unsubscribed");
  assert.equal((await join(watcher, "hall")).count, 1);
});

Deno.test("a renewed token with another name shows the new name to members on both gateways", async () => {
  await using system = await startSystem({ gateways: 2 });
  const ann = await system.client({ user: "ann", gateway: 0 });
  const far = await system.client({ user: "far", gateway: 1 });
  for (const client of [far, ann]) await join(client, "hall");
  await far.take("user-joined", ({ userId }) => userId === "ann");
  ann.send({ type: "auth", token: await tokenFor("ann", { name: "Ann B." }), id: "t" });
  await ann.take("authenticated", ({ id }) => id === "t");
  const { username } = await far.take("user-updated", ({ userId }) => userId === "ann");
  assert.equal(username, "Ann B.");
});
