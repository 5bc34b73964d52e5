/** Revoked tokens: their connections close, and no gateway accepts them again. */
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, headers as createHeaders } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import {
  AuthRevocations,
  AuthRevoke,
  AuthUnrevoke,
  DENIALS_STREAM,
  LAST_TIME,
  messageSubject,
  revokedSubject,
} from "../../services/contract/mod.ts";
import {
  type Bus,
  connectBus,
  createLogger,
  natsOptions,
  request,
} from "../../services/kit/mod.ts";
import { revoke } from "../../services/start/commands/revoke.ts";
import { connectClient, type TestClient } from "../harness/client.ts";
import { startSystem, type System, tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const log = createLogger("test", { level: "error" });
/** Connects as an operator, who may revoke. */
const busOf = (system: System): Promise<Bus> => {
  const options = natsOptions(
    { NATS_URL: system.nats.url, ...system.natsEnv("operator") },
    "operator",
  );
  return connectBus({ options, name: "operator", log });
};

/** When tokens of these tests were issued, seconds since 1970: before any revocation. */
const LONG_AGO = Math.floor(Date.now() / 1_000) - 60;

async function present(system: System, token: string, gateway = 0): Promise<TestClient> {
  const client = await connectClient(system.url(gateway));
  client.send({ type: "auth", token });
  return client;
}

async function accepted(system: System, token: string, gateway = 0): Promise<TestClient> {
  const client = await present(system, token, gateway);
  await client.take("authenticated");
  return client;
}

async function refused(system: System, token: string, gateway = 0): Promise<void> {
  const client = await present(system, token, gateway);
  assert.match((await client.take("error")).message, /^Not authenticated: .*revoked/);
  assert.equal((await client.closing()).code, 4001);
}

Deno.test("a revoked token closes its connections on every gateway, and stays refused", async (t) => {
  await using system = await startSystem({ gateways: 2 });
  const bus = await busOf(system);

  await t.step("all tokens of a user that were issued before", async () => {
    const token = await tokenFor("ann", { iat: LONG_AGO });
    const clients = [await accepted(system, token, 0), await accepted(system, token, 1)];
    const bob = await accepted(system, await tokenFor("bob", { iat: LONG_AGO }));
    await request(bus, AuthRevoke, { userId: "ann" });
    for (const client of clients) assert.equal((await client.closing()).code, 4004);
    // The token is in the cache of both gateways.
    for (const gateway of [0, 1]) await refused(system, token, gateway);
    const iat = Math.floor(Date.now() / 1_000) + 1;
    (await accepted(system, await tokenFor("ann", { iat }))).close();
    assert.equal(bob.closed, undefined);
  });

  await t.step("one token, by its id", async () => {
    const token = await tokenFor("cid", { jti: "token-1", iat: LONG_AGO });
    const other = await tokenFor("cid", { jti: "token.2", iat: LONG_AGO });
    const [client, stays] = [await accepted(system, token), await accepted(system, other)];
    await request(bus, AuthRevoke, { tokenId: "token-1" });
    assert.equal((await client.closing()).code, 4004);
    await refused(system, token, 1);
    stays.send({ type: "ping" });
    await stays.take("pong");
    await request(bus, AuthRevoke, { tokenId: "token.2" });
    assert.equal((await stays.closing()).code, 4004);
  });

  await t.step("tokens issued before a time, and never less than was revoked", async () => {
    const old = await tokenFor("dan", { iat: LONG_AGO - 10 });
    const newer = await tokenFor("dan", { iat: LONG_AGO + 10 });
    const [first, second] = [await accepted(system, old), await accepted(system, newer)];
    await request(bus, AuthRevoke, { userId: "dan", before: LONG_AGO * 1_000 });
    assert.equal((await first.closing()).code, 4004);
    second.send({ type: "ping" });
    await second.take("pong");
    await request(bus, AuthRevoke, { userId: "dan" });
    assert.equal((await second.closing()).code, 4004);
    await request(bus, AuthRevoke, { userId: "dan", before: LONG_AGO * 1_000 });
    await refused(system, newer);
  });

  await t.step("a revocation can be taken back", async () => {
    const { denials } = await request(bus, AuthRevocations, {});
    assert.deepEqual(
      denials.map((denial) => denial.kind === "user" ? denial.userId : denial.kind).sort(),
      ["ann", "dan", "token", "token"],
    );
    assert.deepEqual(await request(bus, AuthUnrevoke, { userId: "dan" }), { lifted: true });
    assert.deepEqual(await request(bus, AuthUnrevoke, { userId: "dan" }), { lifted: false });
    const token = await tokenFor("dan", { iat: LONG_AGO });
    for (const gateway of [0, 1]) {
      await until("dan to be let in", async () => {
        const client = await present(system, token, gateway);
        return await client.take("authenticated").then(() => true, () => false);
      });
    }
  });

  await t.step("a renewed token that is revoked meanwhile closes the connection", async () => {
    const client = await accepted(system, await tokenFor("fay", { iat: LONG_AGO }));
    await request(bus, AuthRevoke, { tokenId: "renewed" });
    client.send({ type: "auth", token: await tokenFor("fay", { jti: "renewed" }) });
    assert.match((await client.take("error")).message, /revoked/);
    assert.equal((await client.closing()).code, 4001);
  });

  await t.step("an event on auth.revoked revokes, empty or not; a reply does not", async () => {
    const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
    for (const [user, payload] of [["gil", ""], ["h.i", "{}"]] as const) {
      const token = await tokenFor(user, { iat: LONG_AGO });
      const client = await accepted(system, token, 1);
      nats.publish(revokedSubject(user), '{"stream":"ROOMS","seq":1}');
      nats.publish(revokedSubject(user), "[]");
      client.send({ type: "ping" });
      await client.take("pong");
      nats.publish(revokedSubject(user), payload);
      assert.equal((await client.closing()).code, 4004);
      await refused(system, token);
    }
    await nats.close();
  });

  await t.step("an operator revokes from the command line", async () => {
    const token = await tokenFor("jan", { jti: "of-jan", iat: LONG_AGO });
    const client = await accepted(system, token);
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    const line = await revoke(bus, ["--jti", "of-jan", "--expires", expires, "--reason", "lost"]);
    assert.match(line, /^revoked: the token of-jan, kept until \d{4}-.*: lost$/);
    assert.equal((await client.closing()).code, 4004);
    assert.match(await revoke(bus, ["--list"]), /the token of-jan/);
    assert.match(await revoke(bus, ["--jti", "of-jan", "--undo"]), /taken back/);
    assert.match(
      await revoke(bus, ["--user", "kim", "--before", "2026-01-01"]),
      /kim issued before 2026/,
    );
    for (const args of [[], ["--user", "a", "--jti", "b"]]) {
      await assert.rejects(revoke(bus, args), /usage/);
    }
    await assert.rejects(
      revoke(bus, ["--user", "a", "--before", "soon"]),
      /--before: expected a time/,
    );
  });

  await t.step("what does not name tokens is refused, also an empty request", async () => {
    const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
    for (const payload of ["", "{}", '{"userId":"a","tokenId":"b"}']) {
      const reply = await nats.request("auth.revoke", payload);
      assert.equal(reply.headers?.get("Hopwire-Error-Code"), "invalid_format", payload);
    }
    await nats.close();
    const expired = request(bus, AuthRevoke, { tokenId: "x", expiresAt: 1 });
    await assert.rejects(expired, /the token has expired/);
  });

  await t.step("until the last time that there is", async () => {
    for (
      const last of [{ tokenId: "last", expiresAt: LAST_TIME }, {
        userId: "eve",
        before: LAST_TIME,
      }]
    ) {
      const { revoked } = await request(bus, AuthRevoke, last);
      assert.equal(revoked.expiresAt, LAST_TIME);
    }
  });
  await bus.drain();
});

Deno.test("revocations survive restarts and reach a gateway that was away", async () => {
  await using system = await startSystem({ gateways: 2 });
  const bus = await busOf(system);
  const token = await tokenFor("ann", { iat: LONG_AGO });
  const client = await accepted(system, token, 1);
  await system.gateways[1]!.process.stop();
  await request(bus, AuthRevoke, { userId: "ann" });
  system.gateways[1]!.process.signal("SIGCONT");
  assert.equal((await client.closing()).code, 4004);
  await refused(system, token, 1);

  await Promise.all([
    system.nats.restart(),
    system.auths[0]!.restart(),
    ...system.gateways.map((gateway) => gateway.restart()),
  ]);
  await Promise.all([...system.auths, ...system.gateways].map((service) => service.ready()));
  for (const gateway of [0, 1]) await refused(system, token, gateway);
  await bus.drain();
});

Deno.test("revocations outlive the disk of NATS while anybody knows them", async () => {
  await using system = await startSystem();
  const bus = await busOf(system);
  const test = await connect({ servers: system.nats.url.replace("nats://", "") });
  const token = await tokenFor("ann", { iat: LONG_AGO });
  (await accepted(system, token)).close();
  await request(bus, AuthRevoke, { userId: "ann" });
  await system.nats.restart({ newDisk: true });
  await until("the revocation to be stored again", async () => {
    const manager = await jetstreamManager(test, { checkAPI: false });
    return (await manager.streams.info(DENIALS_STREAM)).state.messages === 1;
  });
  await system.gateways[0]!.restart();
  await system.gateways[0]!.ready();
  await refused(system, token);
  await test.close();
  await bus.drain();
});

Deno.test("a gateway that cannot read the revocations lets nobody in, and closes what is open", async () => {
  await using system = await startSystem({ env: { all: { REVOCATIONS_STALE_MS: "2000" } } });
  const token = await tokenFor("ann", { iat: LONG_AGO });
  const client = await accepted(system, token);
  await system.nats.kill();
  assert.equal((await client.closing()).code, 4104);
  const late = await present(system, token);
  assert.equal((await late.take("error")).code, "unavailable");
  assert.equal((await late.closing()).code, 4104);
  await system.nats.restart();
  await until("ann to be let in again", async () => {
    const client = await present(system, token);
    return await client.take("authenticated").then(() => true, () => false);
  });
});

Deno.test("the number of revocations is bounded, and the refusal says so", async () => {
  await using system = await startSystem({ env: { auth: { AUTH_MAX_DENIALS: "2" } } });
  const bus = await busOf(system);
  await request(bus, AuthRevoke, { tokenId: "a" });
  await request(bus, AuthRevoke, { tokenId: "b" });
  await assert.rejects(request(bus, AuthRevoke, { tokenId: "c" }), /AUTH_MAX_DENIALS/);
  // One that is there can be changed.
  assert.deepEqual(await request(bus, AuthUnrevoke, { tokenId: "a" }), { lifted: true });
  await bus.drain();
});

Deno.test("no other service can write revocations, and a message of a room is none", async () => {
  await using system = await startSystem();
  const bus = await busOf(system);
  const test = await connect({ servers: system.nats.url.replace("nats://", "") });
  const client = await accepted(system, await tokenFor("ann", { iat: LONG_AGO }));
  const at = Date.now();
  const forged = { kind: "user", userId: "ann", before: at, at, expiresAt: null };
  // What a consumer of another stream delivers has no header of this one.
  await test.request("denial.user.ann", JSON.stringify(forged));
  const headers = createHeaders();
  headers.set("Nats-Expected-Stream", DENIALS_STREAM);
  const ack = await test.request(messageSubject("hall"), "{}", {
    headers,
    timeout: 5_000,
  });
  assert.match(ack.string(), /expected stream does not match/);
  await request(bus, AuthRevoke, { tokenId: "other" });
  const { denials } = await request(bus, AuthRevocations, {});
  assert.equal(denials.length, 1);
  client.send({ type: "ping" });
  await client.take("pong");
  assert.equal(client.closed, undefined);
  await test.close();
  await bus.drain();
});
