import { exportJWK, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import assert from "node:assert/strict";
import { Identity, MAX_TOKEN_LENGTH } from "../contract/mod.ts";
import { keySourceOf } from "./config.ts";
import { createKeys } from "./keys.ts";
import {
  configOf,
  forge,
  keysOf,
  NOW,
  part,
  quietLog,
  refusal,
  SECRET,
  sign,
  unauthorized,
  verifierOf,
} from "./test_tokens.ts";
import { createVerifier } from "./verify.ts";

const rsa = await keysOf("RS256");
const verify = await verifierOf({ AUTH_SECRET: SECRET });
const verifyRsa = await verifierOf({ AUTH_ALGORITHMS: "RS256", AUTH_PUBLIC_KEY: rsa.pem });

Deno.test("every algorithm is verified, and tokens of another key are not", async () => {
  assert.equal((await verify(await sign(SECRET))).userId, "u1");
  await unauthorized(verify(await sign(SECRET + "!")), "signature");
  for (const alg of ["RS256", "ES256", "EdDSA"] as const) {
    const { privateKey, pem } = await keysOf(alg);
    const verify = await verifierOf({ AUTH_ALGORITHMS: alg, AUTH_PUBLIC_KEY: pem });
    assert.equal((await verify(await sign(privateKey, {}, { alg }))).userId, "u1", alg);
    const other = await keysOf(alg);
    await unauthorized(verify(await sign(other.privateKey, {}, { alg })), "signature");
  }
});

Deno.test("an identity is what the claims say", async () => {
  const rooms = { "chat.*": ["subscribe", "publish"] };
  assert.deepEqual(await verify(await sign(SECRET, { name: "Ann", rooms })), {
    userId: "u1",
    username: "Ann",
    expiresAt: (NOW + 3_600) * 1_000,
    rooms,
  });
  const { rooms: none, username } = await verify(await sign(SECRET));
  assert.deepEqual([none, username], [null, "u1"]);
  const list = ["lobby", "game.>"];
  assert.deepEqual((await verify(await sign(SECRET, { rooms: list }))).rooms, list);
  assert.deepEqual((await verify(await sign(SECRET, { rooms: [] }))).rooms, []);
});

Deno.test("the name is the first of name, username, preferred_username that is not empty", async () => {
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

Deno.test("alg none is refused, signed or not", async () => {
  const unsecured = new UnsecuredJWT({ sub: "u1", exp: NOW + 60 }).encode();
  const signature = (await sign(SECRET)).split(".")[2];
  for (const check of [verify, verifyRsa]) {
    for (const token of [unsecured, unsecured + signature]) {
      await unauthorized(check(token), "algorithm");
    }
    for (const alg of ["None", "NONE", "nOnE"]) {
      const token = `${part({ alg })}.${part({ sub: "u1", exp: NOW + 60 })}.`;
      await unauthorized(check(token), "algorithm");
    }
  }
});

Deno.test("a public key is never taken for a secret", async () => {
  const claims = { sub: "u1", exp: NOW + 60 };
  const jwk = await exportJWK(rsa.publicKey);
  const secrets = [rsa.pem, rsa.pem.trim(), JSON.stringify(jwk), jwk.n!];
  for (const secret of secrets) {
    await unauthorized(verifyRsa(await forge({ alg: "HS256" }, claims, secret)), "algorithm");
    // The same signature under the algorithm that is allowed.
    await unauthorized(verifyRsa(await forge({ alg: "RS256" }, claims, secret)), "signature");
  }
});

Deno.test("the header does not choose the algorithm", async () => {
  const [, payload, signature] = (await sign(rsa.privateKey, {}, { alg: "RS256" })).split(".");
  for (const alg of ["HS256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "Ed25519"]) {
    await unauthorized(verifyRsa(`${part({ alg })}.${payload}.${signature}`), "algorithm");
  }
  // PS256 by our own key is a good signature, but of an algorithm that was not allowed.
  const pss = await crypto.subtle.importKey(
    "pkcs8",
    await crypto.subtle.exportKey("pkcs8", rsa.privateKey),
    { name: "RSA-PSS", hash: "SHA-256" },
    false,
    ["sign"],
  );
  await unauthorized(verifyRsa(await sign(pss, {}, { alg: "PS256" })), "algorithm");
  for (const alg of ["HS384", "HS512"]) {
    await unauthorized(verify(await sign(SECRET.repeat(2), {}, { alg })), "algorithm");
  }
});

Deno.test("keys that the header brings or names are not looked at", async () => {
  let asked = 0;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    asked++;
    return Response.json({ keys: [] });
  });
  const url = `http://127.0.0.1:${server.addr.port}/jwks`;
  const attacker = await keysOf("RS256");
  const headers = [
    { jwk: await exportJWK(attacker.publicKey) },
    { jku: url },
    { x5u: url },
    { x5c: [attacker.pem] },
    { kid: "../../../../dev/null" },
    { kid: url },
  ];
  for (const header of headers) {
    const token = await sign(attacker.privateKey, {}, { alg: "RS256", ...header });
    await unauthorized(verifyRsa(token), "signature");
    // Beside a good signature they change nothing.
    await verifyRsa(await sign(rsa.privateKey, {}, { alg: "RS256", ...header }));
  }
  assert.equal(asked, 0);
});

Deno.test("an extension that we do not have is refused, and an unencoded payload", async () => {
  const header = { alg: "HS256", crit: ["x-must"], "x-must": true };
  const claims = { sub: "u1", exp: NOW + 60 };
  await unauthorized(verify(await forge(header, claims, SECRET)), "header");
  const raw = { alg: "HS256", crit: ["b64"], b64: false };
  assert.equal((await refusal(verify(await forge(raw, claims, SECRET)))).code, "unauthorized");
});

Deno.test("issuer and audience are checked where they are configured", async () => {
  const verify = await verifierOf({
    AUTH_SECRET: SECRET,
    AUTH_ISSUER: "https://issuer.example",
    AUTH_AUDIENCE: "hopwire",
  });
  const iss = "https://issuer.example";
  await verify(await sign(SECRET, { iss, aud: "hopwire" }));
  await verify(await sign(SECRET, { iss, aud: ["other", "hopwire"] }));
  for (const wrong of ["https://issuer.example/", "", undefined]) {
    await unauthorized(verify(await sign(SECRET, { iss: wrong, aud: "hopwire" })), "issuer");
  }
  for (const wrong of ["Hopwire", ["other"], [], undefined]) {
    await unauthorized(verify(await sign(SECRET, { iss, aud: wrong })), "audience");
  }
});

Deno.test("a token of somebody else that has expired is told to be somebody else's", async () => {
  const verify = await verifierOf({ AUTH_SECRET: SECRET, AUTH_ISSUER: "us" });
  await unauthorized(verify(await sign(SECRET, { iss: "them", exp: NOW - 60 })), "issuer");
  await unauthorized(verify(await sign("x".repeat(32), { exp: NOW - 60 })), "signature");
});

Deno.test("exp and nbf hold to the second, with the tolerance", async () => {
  for (const tolerance of [0, 5, 60]) {
    const verify = await verifierOf({
      AUTH_SECRET: SECRET,
      AUTH_CLOCK_TOLERANCE: String(tolerance),
    });
    await verify(await sign(SECRET, { exp: NOW - tolerance + 1 }));
    assert.deepEqual(await refusal(verify(await sign(SECRET, { exp: NOW - tolerance }))), {
      code: "token_expired",
      message: "Token expired",
    });
    await verify(await sign(SECRET, { nbf: NOW + tolerance }));
    await unauthorized(verify(await sign(SECRET, { nbf: NOW + tolerance + 1 })), "not valid yet");
  }
});

Deno.test("the tolerance is 5 s when nothing is said", async () => {
  await verify(await sign(SECRET, { exp: NOW - 4 }));
  assert.equal((await refusal(verify(await sign(SECRET, { exp: NOW - 5 })))).code, "token_expired");
});

Deno.test("the clock is the machine's own", async () => {
  const config = configOf({ AUTH_SECRET: SECRET });
  const { log } = quietLog();
  const verify = createVerifier(config, await createKeys(keySourceOf(config), log), log);
  const now = Math.floor(Date.now() / 1_000);
  await verify(await sign(SECRET, { exp: now + 60 }));
  assert.equal(
    (await refusal(verify(await sign(SECRET, { exp: now - 60 })))).code,
    "token_expired",
  );
});

Deno.test("a token without an end is refused, unless that is allowed", async () => {
  const token = await sign(SECRET, { exp: undefined });
  await unauthorized(verify(token), "claims: exp: Required");
  const lenient = await verifierOf({ AUTH_SECRET: SECRET, AUTH_REQUIRE_EXPIRY: "false" });
  assert.equal((await lenient(token)).expiresAt, null);
  assert.equal((await lenient(await sign(SECRET))).expiresAt, (NOW + 3_600) * 1_000);
  assert.equal((await refusal(lenient(await sign(SECRET, { exp: 1 })))).code, "token_expired");
});

Deno.test("each claim that is wrong is named", async () => {
  const long = "x".repeat(129);
  const cases: [Record<string, unknown>, string][] = [
    [{ sub: undefined }, "sub: Required"],
    [{ sub: "" }, "sub: expected 1 character at least"],
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
    await unauthorized(verify(token), `claims: ${message}`);
  }
});

Deno.test("a rooms claim that is wrong is refused, and told where", async () => {
  const shape = "rooms: expected a list of room patterns, or room patterns with lists of rights";
  const pattern = 'expected a room pattern such as "lobby", "chat.*" or "game.>"';
  const right = 'Invalid option: expected one of "subscribe"|"publish"|"history"|"presence"';
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
    await unauthorized(verify(await sign(SECRET, { rooms })), `claims: ${message}`);
  }
  const long = { [" ".repeat(2_000)]: [] };
  const { message } = await refusal(verify(await sign(SECRET, { rooms: long })));
  assert.ok(message.length < 250, `${message.length} characters`);
});

Deno.test("what is no token is refused as malformed", async () => {
  const good = await sign(SECRET);
  const [header, payload, signature] = good.split(".");
  const texts = [
    "",
    ".",
    "..",
    "...",
    "token",
    "a.b.c",
    `${header}.${payload}`,
    `${good}.${signature}`,
    `${good}.x.y`,
    `.${payload}.${signature}`,
    `${part([])}.${payload}.${signature}`,
    `${part(null)}.${payload}.${signature}`,
    `${part({})}.${payload}.${signature}`,
    `${part({ alg: 7 })}.${payload}.${signature}`,
    `${part({ alg: ["HS256"] })}.${payload}.${signature}`,
    `${header}.${payload}.***`,
    `日本.${payload}.${signature}`,
    "\0",
    "\ud800",
  ];
  for (const text of texts) await unauthorized(verify(text), "malformed");
  for (const claims of [[], null, 7, "claims"]) {
    await unauthorized(verify(await forge({ alg: "HS256" }, claims, SECRET)), "malformed");
  }
});

Deno.test("a token may be 8192 characters long, and no longer", async () => {
  const empty = await sign(SECRET, { pad: "" });
  // Three bytes make four characters.
  const pad = (characters: number) => sign(SECRET, { pad: "x".repeat(characters) });
  let fitting = Math.floor((MAX_TOKEN_LENGTH - empty.length) * 3 / 4);
  while ((await pad(fitting)).length > MAX_TOKEN_LENGTH) fitting--;
  await verify(await pad(fitting));
  await unauthorized(verify(await pad(fitting + 3)), "malformed");
  await unauthorized(verify("x".repeat(1_000_000)), "malformed");
});

Deno.test("what cannot be explained is told as unavailable, and logged", async () => {
  const { log, lines } = quietLog();
  const verify = createVerifier(
    configOf({ AUTH_SECRET: SECRET }),
    () => Promise.reject(new TypeError("the key has melted")),
    log,
  );
  assert.deepEqual(await refusal(verify(await sign(SECRET))), {
    code: "unavailable",
    message: "Temporarily unavailable",
    retryAfter: 1_000,
  });
  assert.match(lines.join("\n"), /the key has melted/);
});

Deno.test("what a verifier gives is what the contract says", async () => {
  const token = await new SignJWT({ sub: "u1", exp: NOW + 0.25, extra: { a: 1 } })
    .setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(SECRET));
  const identity = await verify(token);
  assert.deepEqual(Identity.parse(identity), identity);
  assert.equal(identity.expiresAt, NOW * 1_000 + 250);
});
