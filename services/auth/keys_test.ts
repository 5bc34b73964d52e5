/** Key sets from a real HTTP server. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { EAGER, startIssuer } from "./test_issuer.ts";
import { assertUnauthorized, forge, generateKeys, NOW, refusal, sign } from "./test_tokens.ts";

const a = await generateKeys("RS256");
const b = await generateKeys("RS256");
const ec = await generateKeys("ES256");
const ed = await generateKeys("EdDSA");

const signA = () => sign(a.privateKey, {}, { alg: "RS256", kid: "a" });
const signB = () => sign(b.privateKey, {}, { alg: "RS256", kid: "b" });

Deno.test("a set serves each of its algorithms, with and without key ids in tokens", async () => {
  await using issuer = await startIssuer();
  await issuer.publish({ a: a.publicKey, e: ec.publicKey, d: ed.publicKey });
  const { verify } = issuer;
  assert.equal((await verify(await signA())).userId, "u1");
  await verify(await sign(ec.privateKey, {}, { alg: "ES256", kid: "e" }));
  await verify(await sign(ed.privateKey, {}, { alg: "EdDSA", kid: "d" }));
  await verify(await sign(ec.privateKey, {}, { alg: "ES256" }));
  assert.equal(issuer.requests, 1);
  // The id of another key does not change the key that signed.
  await assertUnauthorized(
    verify(await sign(b.privateKey, {}, { alg: "RS256", kid: "a" })),
    "signature",
  );
  await assertUnauthorized(verify(await sign(a.privateKey, {}, { alg: "RS256", kid: "e" })), "key");
});

Deno.test("keys rotate: a new key is fetched, a withdrawn key is refused", async () => {
  await using issuer = await startIssuer();
  const { verify } = issuer;
  await issuer.publish({ a: a.publicKey });
  await verify(await signA());
  await assertUnauthorized(verify(await signB()), "key");
  await issuer.publish({ a: a.publicKey, b: b.publicKey });
  await verify(await signB());
  await verify(await signA());
  await issuer.publish({ b: b.publicKey });
  // Another unknown key triggers a fetch of the set without key a.
  await assertUnauthorized(verify(await sign(a.privateKey, {}, { alg: "RS256", kid: "c" })), "key");
  await assertUnauthorized(verify(await signA()), "key");
  await verify(await signB());
});

Deno.test("a withdrawn key is refused once the set is too old", async () => {
  await using issuer = await startIssuer({ ...EAGER, maxAge: 0 });
  await issuer.publish({ a: a.publicKey });
  await issuer.verify(await signA());
  await issuer.publish({ b: b.publicKey });
  await assertUnauthorized(issuer.verify(await signA()), "key");
});

Deno.test("invented key ids cost the issuer one request per cooldown", async () => {
  await using issuer = await startIssuer({ cooldown: 600_000 });
  await issuer.publish({ a: a.publicKey });
  const tokens = await Promise.all(
    Array.from(
      { length: 100 },
      (_, i) => sign(b.privateKey, {}, { alg: "RS256", kid: `made-up-${i}` }),
    ),
  );
  await Promise.all(tokens.map((token) => assertUnauthorized(issuer.verify(token), "key")));
  for (const token of tokens) await assertUnauthorized(issuer.verify(token), "key");
  assert.equal(issuer.requests, 1);
  await issuer.verify(await signA());
});

Deno.test("secrets, private keys and weak keys in a set are refused", async () => {
  await using issuer = await startIssuer();
  const secret = "x".repeat(32);
  const k = new TextEncoder().encode(secret).toBase64({ alphabet: "base64url", omitPadding: true });
  issuer.answer = () => Response.json({ keys: [{ kty: "oct", kid: "s", k }] });
  const claims = { sub: "u1", exp: NOW + 60 };
  const { verify } = issuer;
  await assertUnauthorized(
    verify(await forge({ alg: "HS256", kid: "s" }, claims, secret)),
    "algorithm",
  );
  await assertUnauthorized(verify(await forge({ alg: "RS256", kid: "s" }, claims, secret)), "key");

  await issuer.publish({ a: a.privateKey });
  await assertUnauthorized(verify(await signA()), "key");

  // jose cannot sign with a weak key, but the key is refused before the signature is checked.
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
  issuer.answer = () => Response.json({ keys: [{ ...weak.export({ format: "jwk" }), kid: "w" }] });
  const token = await sign(b.privateKey, {}, { alg: "RS256", kid: "w" });
  await assertUnauthorized(verify(token), "key: too short");

  issuer.answer = () => Response.json({ keys: [{ kty: "RSA", kid: "a", n: "AQAB", e: 7 }] });
  assert.equal((await refusal(issuer.verify(await signA()))).code, "unauthorized");
  assert.deepEqual(issuer.lines, []);
});

Deno.test("a key for encryption, or of another algorithm, does not verify", async () => {
  await using issuer = await startIssuer();
  for (const more of [{ use: "enc" }, { alg: "PS256" }, { key_ops: ["sign"] }]) {
    await issuer.publish({ a: a.publicKey }, more);
    await assertUnauthorized(issuer.verify(await signA()), "key");
  }
  await issuer.publish({ a: a.publicKey }, { use: "sig", alg: "RS256", key_ops: ["verify"] });
  await issuer.verify(await signA());
});

Deno.test("if several keys match, the token must name one", async () => {
  await using issuer = await startIssuer();
  await issuer.publish({ a: a.publicKey, b: b.publicKey });
  const unnamed = await sign(a.privateKey, {}, { alg: "RS256" });
  await assertUnauthorized(issuer.verify(unnamed), "key: several match, and the token names none");
});
