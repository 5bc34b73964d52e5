/** The micro-service protocol of NATS shows the whole system. */
import assert from "node:assert/strict";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";
import { MicroInfo, MicroPing, MicroStats } from "../../services/contract/mod.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

Deno.test("an operator sees every instance of every service, its endpoints and how they fare", async () => {
  await using system = await startSystem({ gateways: 2, rooms: 2 });
  const ann = await system.client({ user: "ann" });
  ann.send({ type: "subscribe", room: "lobby" });
  await ann.take("subscribed");

  const env = system.natsEnv("operator");
  const seed = await Deno.readFile(env.NATS_NKEY_FILE!);
  const nats = await connect({
    servers: system.nats.url,
    authenticator: nkeyAuthenticator(seed),
    inboxPrefix: "_INBOX.operator",
  });
  try {
    const all = async (subject: string): Promise<unknown[]> => {
      const inbox = `_INBOX.operator.${crypto.randomUUID()}`;
      const replies: unknown[] = [];
      const subscription = nats.subscribe(inbox, {
        callback: (_, message) => void replies.push(message.json()),
      });
      nats.publish(subject, "", { reply: inbox });
      const expected = 6;
      await until(`${expected} replies`, () => replies.length >= expected);
      subscription.unsubscribe();
      return replies;
    };
    const pings = (await all("$SRV.PING")).map((reply) => MicroPing.parse(reply));
    assert.deepEqual(
      pings.map(({ name }) => name).sort(),
      ["auth", "gateway", "gateway", "persistence", "rooms", "rooms"],
    );
    assert.equal(new Set(pings.map(({ id }) => id)).size, 6);

    const infos = (await all("$SRV.INFO")).map((reply) => MicroInfo.parse(reply));
    const subjects = (name: string) =>
      infos.find((info) => info.name === name)!.endpoints.map(({ subject }) => subject);
    assert.ok(subjects("auth").includes("auth.verify"));
    assert.ok(subjects("rooms").includes("rooms.join"));
    assert.ok(subjects("persistence").includes("history.read"));
    for (const { description } of infos) assert.match(description, /\.$/);

    const stats = (await all("$SRV.STATS")).map((reply) => MicroStats.parse(reply));
    const joins = stats.flatMap(({ endpoints }) => endpoints)
      .filter(({ subject }) => subject === "rooms.join")
      .reduce((sum, { num_requests }) => sum + num_requests, 0);
    assert.ok(joins >= 1, "nobody has served the join");
  } finally {
    await nats.close();
  }
});
