/** The claims of verified tokens, and the identities they make. */
import type { JWTPayload } from "jose";
import assert from "node:assert/strict";
import {
  assertUnauthorized,
  createTestVerifier,
  forge,
  NOW,
  refusal,
  SECRET,
  sign,
} from "./test_tokens.ts";

const verify = await createTestVerifier({ AUTH_SECRET: SECRET });

Deno.test("an identity reflects the claims", async () => {
  const rooms = { "chat.*": ["subscribe", "publish"] };
  assert.deepEqual(await verify(await sign(SECRET, { name: "Ann", rooms })), {
    userId: "u1",
    username: "Ann",
    expiresAt: (NOW + 3_600) * 1_000,
    rooms,
    calls: [],
    tokenId: null,
    issuedAt: null,
  });
  const claims = { calls: ["dice.*"], jti: "t1", iat: NOW - 1.5 };
  const { calls, tokenId, issuedAt } = await verify(await sign(SECRET, claims));
  assert.deepEqual([calls, tokenId, issuedAt], [["dice.*"], "t1", NOW * 1_000 - 1_500]);
  const { rooms: none, username } = await verify(await sign(SECRET));
  assert.deepEqual([none, username], [null, "u1"]);
  const list = ["lobby", "game.>"];
  assert.deepEqual((await verify(await sign(SECRET, { rooms: list }))).rooms, list);
  assert.deepEqual((await verify(await sign(SECRET, { rooms: [] }))).rooms, []);
});

Deno.test("the username is the first non-empty claim of name, username, preferred_username", async () => {
  const cases: [JWTPayload, string][] = [
    [{ name: "a", username: "b", preferred_username: "c" }, "a"],
    [{ username: "b", preferred_username: "c" }, "b"],
    [{ name: "", preferred_username: "c" }, "c"],
    [{ name: "" }, "u1"],
  ];
  for (const [claims, expected] of cases) {
    assert.equal((await verify(await sign(SECRET, claims))).username, expected);
  }
});

Deno.test("a token without expiry is refused, unless configured otherwise", async () => {
  const token = await sign(SECRET, { exp: undefined });
  await assertUnauthorized(verify(token), "claims: exp: Required");
  const lenient = await createTestVerifier({ AUTH_SECRET: SECRET, AUTH_REQUIRE_EXPIRY: "false" });
  assert.equal((await lenient(token)).expiresAt, null);
  assert.equal((await lenient(await sign(SECRET))).expiresAt, (NOW + 3_600) * 1_000);
  assert.equal((await refusal(lenient(await sign(SECRET, { exp: 1 })))).code, "token_expired");
});

Deno.test("a refusal names the invalid claim", async () => {
  const long = "x".repeat(129);
  const cases: [Record<string, unknown>, string][] = [
    [{ sub: undefined }, "sub: Required"],
    [{ sub: "" }, "sub: expected at least 1 character"],
    [{ sub: long }, "sub: expected at most 128 characters"],
    [{ sub: 7 }, "sub: Invalid input: expected string, received number"],
    [{ sub: "a\ud800" }, "sub: expected well-formed Unicode"],
    [{ name: long }, "name: expected at most 128 characters"],
    [{ username: ["a"] }, "username: Invalid input: expected string, received array"],
    [{ exp: 1e13 }, "exp: too far in the future"],
    [{ exp: "never" }, "exp: expected a number"],
    [{ nbf: "now" }, "nbf: expected a number"],
    [{ iat: {} }, "iat: expected a number"],
  ];
  for (const [claims, message] of cases) {
    const token = await forge(
      { alg: "HS256" },
      { sub: "u1", exp: NOW + 60, ...claims },
      SECRET,
    );
    await assertUnauthorized(verify(token), `claims: ${message}`);
  }
});

Deno.test("an invalid rooms claim is refused with its position", async () => {
  const shape = "rooms: expected a list of room patterns, or room patterns with lists of rights";
  const pattern = 'expected a room pattern such as "lobby", "chat.*" or "game.>"';
  const right =
    'Invalid option: expected one of "subscribe"|"publish"|"history"|"presence"|"trace"';
  const many = Array.from({ length: 65 }, (_, i) => `r${i}`);
  const cases: [unknown, string][] = [
    [null, shape],
    ["lobby", shape],
    [["lobby", "a.>.b"], `rooms.1: ${pattern}`],
    [[1], "rooms.0: Invalid input: expected string, received number"],
    [{ "a b": ["publish"] }, `rooms.a b: ${pattern}`],
    [{ lobby: ["publish", "fly"] }, `rooms.lobby.1: ${right}`],
    [{ lobby: "publish" }, "rooms.lobby: Invalid input: expected array, received string"],
    [many, "rooms: Too big: expected array to have <=64 items"],
    [
      Object.fromEntries(many.map((room) => [room, ["publish"]])),
      "rooms: expected at most 64 room patterns",
    ],
  ];
  for (const [rooms, message] of cases) {
    await assertUnauthorized(verify(await sign(SECRET, { rooms })), `claims: ${message}`);
  }
  const long = { [" ".repeat(2_000)]: [] };
  const { message } = await refusal(verify(await sign(SECRET, { rooms: long })));
  assert.ok(message.length < 250, `${message.length} characters`);
});

Deno.test("a token may not live for longer than AUTH_MAX_TOKEN_LIFETIME", async () => {
  const short = await createTestVerifier({ AUTH_SECRET: SECRET, AUTH_MAX_TOKEN_LIFETIME: "3600" });
  await short(await sign(SECRET, { iat: NOW, exp: NOW + 3_600 }));
  // Without `iat` it may have been issued at any time.
  await short(await sign(SECRET, { exp: NOW + 3_600 }));
  const detail = "claims: exp: more than 3600 s after iat";
  for (const claims of [{ iat: NOW - 1, exp: NOW + 3_600 }, { exp: NOW + 3_601 }]) {
    await assertUnauthorized(short(await sign(SECRET, claims)), detail);
  }
});
