import { exportJWK, SignJWT, UnsecuredJWT } from "jose";
import assert from "node:assert/strict";
import { Identity, MAX_TOKEN_LENGTH } from "../contract/mod.ts";
import { keySourceOf } from "./config.ts";
import { createKeyGetter } from "./keys.ts";
import {
  assertUnauthorized,
  captureLog,
  createTestVerifier,
  encodePart,
  forge,
  generateKeys,
  NOW,
  refusal,
  SECRET,
  sign,
  testConfig,
} from "./test_tokens.ts";
import { createVerifier } from "./verify.ts";

const rsa = await generateKeys("RS256");
const verify = await createTestVerifier({ AUTH_SECRET: SECRET });
const verifyRsa = await createTestVerifier({ AUTH_ALGORITHMS: "RS256", AUTH_PUBLIC_KEY: rsa.pem });

Deno.test("every algorithm is verified, and tokens of another key are refused", async () => {
  assert.equal((await verify(await sign(SECRET))).userId, "u1");
  await assertUnauthorized(verify(await sign(SECRET + "!")), "signature");
  for (const alg of ["RS256", "ES256", "EdDSA"] as const) {
    const { privateKey, pem } = await generateKeys(alg);
    const verify = await createTestVerifier({ AUTH_ALGORITHMS: alg, AUTH_PUBLIC_KEY: pem });
    assert.equal((await verify(await sign(privateKey, {}, { alg }))).userId, "u1", alg);
    const other = await generateKeys(alg);
    await assertUnauthorized(verify(await sign(other.privateKey, {}, { alg })), "signature");
  }
});

Deno.test("alg none is refused, signed or not", async () => {
  const unsecured = new UnsecuredJWT({ sub: "u1", exp: NOW + 60 }).encode();
  const signature = (await sign(SECRET)).split(".")[2];
  for (const check of [verify, verifyRsa]) {
    for (const token of [unsecured, unsecured + signature]) {
      await assertUnauthorized(check(token), "algorithm");
    }
    for (const alg of ["None", "NONE", "nOnE"]) {
      const token = `${encodePart({ alg })}.${encodePart({ sub: "u1", exp: NOW + 60 })}.`;
      await assertUnauthorized(check(token), "algorithm");
    }
  }
});

Deno.test("a public key is never used as a secret", async () => {
  const claims = { sub: "u1", exp: NOW + 60 };
  const jwk = await exportJWK(rsa.publicKey);
  const secrets = [rsa.pem, rsa.pem.trim(), JSON.stringify(jwk), jwk.n!];
  for (const secret of secrets) {
    await assertUnauthorized(verifyRsa(await forge({ alg: "HS256" }, claims, secret)), "algorithm");
    // The same signature under the allowed algorithm.
    await assertUnauthorized(verifyRsa(await forge({ alg: "RS256" }, claims, secret)), "signature");
  }
});

Deno.test("the header does not choose the algorithm", async () => {
  const [, payload, signature] = (await sign(rsa.privateKey, {}, { alg: "RS256" })).split(".");
  for (const alg of ["HS256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "Ed25519"]) {
    await assertUnauthorized(
      verifyRsa(`${encodePart({ alg })}.${payload}.${signature}`),
      "algorithm",
    );
  }
  // PS256 with the right key is a valid signature, but the algorithm is not allowed.
  const pss = await crypto.subtle.importKey(
    "pkcs8",
    await crypto.subtle.exportKey("pkcs8", rsa.privateKey),
    { name: "RSA-PSS", hash: "SHA-256" },
    false,
    ["sign"],
  );
  await assertUnauthorized(verifyRsa(await sign(pss, {}, { alg: "PS256" })), "algorithm");
  for (const alg of ["HS384", "HS512"]) {
    await assertUnauthorized(verify(await sign(SECRET.repeat(2), {}, { alg })), "algorithm");
  }
});

Deno.test("keys that the header contains or references are ignored", async () => {
  let asked = 0;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    asked++;
    return Response.json({ keys: [] });
  });
  const url = `http://127.0.0.1:${server.addr.port}/jwks`;
  const attacker = await generateKeys("RS256");
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
    await assertUnauthorized(verifyRsa(token), "signature");
    // They do not affect a token with a valid signature.
    await verifyRsa(await sign(rsa.privateKey, {}, { alg: "RS256", ...header }));
  }
  assert.equal(asked, 0);
});

Deno.test("unsupported extensions and unencoded payloads are refused", async () => {
  const header = { alg: "HS256", crit: ["x-must"], "x-must": true };
  const claims = { sub: "u1", exp: NOW + 60 };
  await assertUnauthorized(verify(await forge(header, claims, SECRET)), "header");
  const raw = { alg: "HS256", crit: ["b64"], b64: false };
  assert.equal((await refusal(verify(await forge(raw, claims, SECRET)))).code, "unauthorized");
});

Deno.test("issuer and audience are checked if configured", async () => {
  const verify = await createTestVerifier({
    AUTH_SECRET: SECRET,
    AUTH_ISSUER: "https://issuer.example",
    AUTH_AUDIENCE: "hopwire",
  });
  const iss = "https://issuer.example";
  await verify(await sign(SECRET, { iss, aud: "hopwire" }));
  await verify(await sign(SECRET, { iss, aud: ["other", "hopwire"] }));
  for (const wrong of ["https://issuer.example/", "", undefined]) {
    await assertUnauthorized(verify(await sign(SECRET, { iss: wrong, aud: "hopwire" })), "issuer");
  }
  for (const wrong of ["Hopwire", ["other"], [], undefined]) {
    await assertUnauthorized(verify(await sign(SECRET, { iss, aud: wrong })), "audience");
  }
});

Deno.test("an expired token of another issuer is refused for its issuer", async () => {
  const verify = await createTestVerifier({ AUTH_SECRET: SECRET, AUTH_ISSUER: "us" });
  await assertUnauthorized(verify(await sign(SECRET, { iss: "them", exp: NOW - 60 })), "issuer");
  await assertUnauthorized(verify(await sign("x".repeat(32), { exp: NOW - 60 })), "signature");
});

Deno.test("exp and nbf are exact to the second, plus the tolerance", async () => {
  for (const tolerance of [0, 5, 60]) {
    const verify = await createTestVerifier({
      AUTH_SECRET: SECRET,
      AUTH_CLOCK_TOLERANCE: String(tolerance),
    });
    await verify(await sign(SECRET, { exp: NOW - tolerance + 1 }));
    assert.deepEqual(await refusal(verify(await sign(SECRET, { exp: NOW - tolerance }))), {
      code: "token_expired",
      message: "Token expired",
    });
    await verify(await sign(SECRET, { nbf: NOW + tolerance }));
    await assertUnauthorized(
      verify(await sign(SECRET, { nbf: NOW + tolerance + 1 })),
      "not valid yet",
    );
  }
});

Deno.test("the default tolerance is 5 s", async () => {
  await verify(await sign(SECRET, { exp: NOW - 4 }));
  assert.equal((await refusal(verify(await sign(SECRET, { exp: NOW - 5 })))).code, "token_expired");
});

Deno.test("the default clock is the system clock", async () => {
  const config = testConfig({ AUTH_SECRET: SECRET });
  const { log } = captureLog();
  const verify = createVerifier(config, await createKeyGetter(keySourceOf(config), log), log);
  const now = Math.floor(Date.now() / 1_000);
  await verify(await sign(SECRET, { exp: now + 60 }));
  assert.equal(
    (await refusal(verify(await sign(SECRET, { exp: now - 60 })))).code,
    "token_expired",
  );
});

Deno.test("text that is not a token is refused as malformed", async () => {
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
    `${encodePart([])}.${payload}.${signature}`,
    `${encodePart(null)}.${payload}.${signature}`,
    `${encodePart({})}.${payload}.${signature}`,
    `${encodePart({ alg: 7 })}.${payload}.${signature}`,
    `${encodePart({ alg: ["HS256"] })}.${payload}.${signature}`,
    `${header}.${payload}.***`,
    `日本.${payload}.${signature}`,
    "\0",
    "\ud800",
  ];
  for (const text of texts) await assertUnauthorized(verify(text), "malformed");
  for (const claims of [[], null, 7, "claims"]) {
    await assertUnauthorized(verify(await forge({ alg: "HS256" }, claims, SECRET)), "malformed");
  }
});

Deno.test("a token may be at most 8192 characters long", async () => {
  const empty = await sign(SECRET, { pad: "" });
  // Three bytes make four characters.
  const pad = (characters: number) => sign(SECRET, { pad: "x".repeat(characters) });
  let fitting = Math.floor((MAX_TOKEN_LENGTH - empty.length) * 3 / 4);
  while ((await pad(fitting)).length > MAX_TOKEN_LENGTH) fitting--;
  await verify(await pad(fitting));
  await assertUnauthorized(verify(await pad(fitting + 3)), "malformed");
  await assertUnauthorized(verify("x".repeat(1_000_000)), "malformed");
});

Deno.test("an unexpected error is reported as unavailable, and logged", async () => {
  const { log, lines } = captureLog();
  const verify = createVerifier(
    testConfig({ AUTH_SECRET: SECRET }),
    () => Promise.reject(new TypeError("unexpected")),
    log,
  );
  assert.deepEqual(await refusal(verify(await sign(SECRET))), {
    code: "unavailable",
    message: "Temporarily unavailable",
    retryAfter: 1_000,
  });
  assert.match(lines.join("\n"), /unexpected/);
});

Deno.test("identities match the contract's schema", async () => {
  const token = await new SignJWT({ sub: "u1", exp: NOW + 0.25, extra: { a: 1 } })
    .setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(SECRET));
  const identity = await verify(token);
  assert.deepEqual(Identity.parse(identity), identity);
  assert.equal(identity.expiresAt, NOW * 1_000 + 250);
});
