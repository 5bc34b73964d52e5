/** Limits that two gateways share, approximately: what a user or an address has at one counts at the other. */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import { GATEWAY_USAGE, GatewayUsage } from "../../services/contract/mod.ts";
import { connectClient } from "../harness/client.ts";
import { startSystem, type System, tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

/** Waits until a gateway tells the others what `fits`. */
async function told(system: System, fits: (usage: GatewayUsage) => boolean): Promise<void> {
  const nats = await connect({ servers: system.nats.url });
  let heard = false;
  nats.subscribe(GATEWAY_USAGE, {
    callback: (_error, message) => void (heard ||= fits(GatewayUsage.parse(message.json()))),
  });
  await until("the usage to be shared", () => heard);
  await nats.close();
}

Deno.test("a user's connections to several gateways count together", async () => {
  await using system = await startSystem({
    gateways: 2,
    env: { gateway: { USER_CONNECTIONS: "10" } },
  });
  const first = await Promise.all(
    Array.from({ length: 8 }, () => system.client({ user: "eve", gateway: 0 })),
  );
  await told(system, ({ users }) => users.some(({ connections }) => connections === 8));
  // The verification of its token follows the usage on the way to the other gateway.
  const second = [
    await system.client({ user: "eve", gateway: 1 }),
    await system.client({ user: "eve", gateway: 1 }),
  ];
  const refused = await system.client({ gateway: 1 });
  refused.send({ type: "auth", token: await tokenFor("eve") });
  const { code, retryAfter } = await refused.take("error");
  assert.deepEqual([code, retryAfter! > 0], ["rate_limited", true]);
  // The others may be closed meanwhile, so this client may come back.
  assert.equal((await refused.closing()).code, 4104);
  await system.client({ user: "bob", gateway: 1 });
  for (const client of first) client.close();
  await until("places to be free", async () => {
    const client = await connectClient(system.url(1));
    client.send({ type: "auth", token: await tokenFor("eve") });
    return await client.take("authenticated").then(() => true, () => false);
  });
  assert.deepEqual(second.map(({ closed }) => closed), [undefined, undefined]);
});

Deno.test("an address's connections to several gateways count together", async () => {
  await using system = await startSystem({
    gateways: 2,
    env: { gateway: { ADDRESS_CONNECTIONS: "8", ADDRESS_UNAUTHENTICATED: "6" } },
  });
  for (let i = 0; i < 6; i++) await system.client({ user: `u${i}`, gateway: 0 });
  await told(
    system,
    ({ addresses }) => addresses.some(({ connections }) => connections === 6),
  );
  await system.client({ user: "ann", gateway: 1 });
  await system.client({ user: "bob", gateway: 1 });
  await assert.rejects(connectClient(system.url(1)));
  const poll = await fetch(`http://127.0.0.1:${system.gateways[1]!.port}/poll`, {
    method: "POST",
    body: "{}",
  });
  assert.deepEqual([poll.status, (await poll.json()).code], [429, "rate_limited"]);
});

Deno.test("a gateway that has died holds no places for longer than three seconds", async () => {
  await using system = await startSystem({
    gateways: 2,
    env: { gateway: { USER_CONNECTIONS: "10" } },
  });
  await Promise.all(Array.from({ length: 10 }, () => system.client({ user: "eve", gateway: 0 })));
  await told(system, ({ users }) => users.some(({ connections }) => connections === 10));
  await system.gateways[0]!.kill();
  await until("a place", async () => {
    const client = await connectClient(system.url(1));
    client.send({ type: "auth", token: await tokenFor("eve") });
    return await client.take("authenticated").then(() => true, () => false);
  });
});
