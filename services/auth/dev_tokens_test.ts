import { Hono } from "hono";
import { decodeJwt, decodeProtectedHeader } from "jose";
import assert from "node:assert/strict";
import { keySourceOf } from "./config.ts";
import type { DevToken } from "../contract/mod.ts";
import { addTokenRoute } from "./dev_tokens.ts";
import { createKeyGetter } from "./keys.ts";
import { captureLog, SECRET, testConfig } from "./test_tokens.ts";
import { createVerifier } from "./verify.ts";

/** Creates the route and the verifier of one configuration. */
async function createIssuer(env: Record<string, string> = {}) {
  const config = testConfig({ AUTH_SECRET: SECRET, AUTH_DEV_TOKENS: "true", ...env });
  const source = keySourceOf(config);
  assert.ok(source.kind === "secret");
  const app = new Hono();
  addTokenRoute(app, config, source.secret);
  const { log } = captureLog();
  return { app, verify: createVerifier(config, await createKeyGetter(source, log), log) };
}

const { app, verify } = await createIssuer();

function post(body: unknown, to = app): Response | Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return to.request("/token", { method: "POST", body: text });
}

async function issue(body: unknown, to = app): Promise<DevToken> {
  const response = await post(body, to);
  assert.equal(response.status, 200, await response.clone().text());
  return await response.json();
}

async function assertRefused(body: unknown, status: number, error: string): Promise<void> {
  const response = await post(body);
  assert.equal(response.status, status);
  assert.deepEqual(await response.json(), { error });
}

Deno.test("a token matches the response, and passes verification", async () => {
  const before = Math.floor(Date.now() / 1_000);
  const rooms = { "chat.*": ["subscribe"] };
  const response = await issue({ userId: "u1", username: "Ann", rooms, ttl: 60 });
  const { token, ...issued } = response;
  const ttl = issued.expiresAt / 1_000 - before;
  assert.ok(ttl >= 60 && ttl < 80, `${ttl}`);
  assert.deepEqual(issued, { userId: "u1", username: "Ann", expiresAt: issued.expiresAt });
  const { tokenId: _, issuedAt: __, ...identity } = await verify(token);
  assert.deepEqual(identity, { ...issued, rooms, calls: ["*.*"] });
  assert.equal(decodeProtectedHeader(token).alg, "HS256");
});

Deno.test("a username is sufficient", async () => {
  const { token, userId, username, expiresAt } = await issue({ username: " Zoë Lee! " });
  assert.match(userId, /^zoe-lee-[0-9a-f]{6}$/);
  assert.equal(username, "Zoë Lee!");
  assert.equal(expiresAt / 1_000 - decodeJwt(token).iat!, 86_400);
  const { tokenId: _, issuedAt: __, ...identity } = await verify(token);
  assert.deepEqual(identity, { userId, username, expiresAt, rooms: null, calls: ["*.*"] });
  const second = await issue({ username: "Zoë Lee!" });
  assert.notEqual(second.userId, userId);
  assert.match((await issue({ username: "日本" })).userId, /^user-[0-9a-f]{6}$/);
  const long = await issue({ username: "x".repeat(128) });
  assert.ok(long.userId.length < 64, long.userId);
});

Deno.test("the default lifetime is configurable", async () => {
  const { app } = await createIssuer({ AUTH_DEV_TOKEN_TTL: "7" });
  const { token } = await issue({ username: "Ann" }, app);
  const { iat, exp } = decodeJwt(token);
  assert.equal(exp! - iat!, 7);
});

Deno.test("the token carries the configured issuer and audience", async () => {
  const { app, verify } = await createIssuer({ AUTH_ISSUER: "us", AUTH_AUDIENCE: "hopwire" });
  await verify((await issue({ username: "Ann" }, app)).token);
});

Deno.test("an invalid body is refused with the problem", async () => {
  const cases: [unknown, string][] = [
    ["", "not JSON"],
    ["{", "not JSON"],
    ["7", "Invalid input: expected object, received number"],
    [[], "Invalid input: expected object, received array"],
    [{}, "username: Required"],
    [{ username: "" }, "username: expected at least 1 character"],
    [{ username: "  " }, "username: expected at least 1 character"],
    [{ username: "x".repeat(129) }, "username: expected at most 128 characters"],
    [{ username: "\ud800" }, "username: expected well-formed Unicode"],
    [{ username: "a", userId: "" }, "userId: expected at least 1 character"],
    [{ username: "a", userId: 7 }, "userId: Invalid input: expected string, received number"],
    [
      { username: "a", rooms: "lobby" },
      "rooms: expected a list of room patterns, or a map from room patterns to lists of rights",
    ],
    [
      { username: "a", rooms: { lobby: 1 } },
      "rooms.lobby: Invalid input: expected array, received number",
    ],
    [
      { username: "a", rooms: ["a b"] },
      'rooms.0: expected a room pattern such as "lobby", "chat.*" or "game.>"',
    ],
    [{ username: "a", ttl: 0 }, "ttl: Too small: expected number to be >=1"],
    [{ username: "a", ttl: 1.5 }, "ttl: Invalid input: expected int, received number"],
    [{ username: "a", ttl: 31_536_001 }, "ttl: Too big: expected number to be <=31536000"],
  ];
  for (const [body, error] of cases) await assertRefused(body, 400, error);
});

Deno.test("a token longer than 8192 characters is refused", async () => {
  const name = (i: number) => `${String(i).padStart(2, "0")}${"x".repeat(40)}`;
  const rooms = Array.from({ length: 64 }, (_, i) => `${name(i)}.${name(i)}.${name(i)}`);
  await assertRefused(
    { username: "a", rooms },
    400,
    "rooms: the token would be longer than 8192 characters",
  );
  await verify((await issue({ username: "a", rooms: rooms.slice(0, 40) })).token);
});

Deno.test("a body may have 16 KiB, with and without a content-length", async () => {
  const bare = JSON.stringify({ username: "a", pad: "" }).length;
  const body = (size: number) => JSON.stringify({ username: "a", pad: "x".repeat(size - bare) });
  await issue(body(16_384));
  const withoutLength = (size: number) =>
    app.request("/token", { method: "POST", body: new Blob([body(size)]).stream() });
  const withLength = (size: number) =>
    app.request("/token", {
      method: "POST",
      body: body(size),
      headers: { "content-length": String(size) },
    });
  for (const send of [withLength, withoutLength]) {
    assert.equal((await send(16_384)).status, 200);
    const response = await send(16_385);
    assert.equal(response.status, 413);
    assert.deepEqual(await response.json(), { error: "expected at most 16384 bytes" });
  }
});

Deno.test("any origin may request a token", async () => {
  const preflight = await app.request("/token", {
    method: "OPTIONS",
    headers: {
      origin: "https://app.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type",
    },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
  assert.equal(preflight.headers.get("access-control-allow-methods"), "POST");
  assert.equal(preflight.headers.get("access-control-allow-headers"), "content-type");
  for (const body of [{ username: "a" }, "not JSON", "x".repeat(20_000)]) {
    assert.equal((await post(body)).headers.get("access-control-allow-origin"), "*");
  }
});

Deno.test("methods other than POST are not served", async () => {
  for (const method of ["GET", "PUT", "DELETE"]) {
    assert.equal((await app.request("/token", { method })).status, 404);
  }
});
