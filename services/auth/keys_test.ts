/** Key sets against a real HTTP server whose keys change, fail, hang and come back. */
import { type CryptoKey, exportJWK } from "jose";
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { until, within } from "../../tests/harness/wait.ts";
import { keySourceOf } from "./config.ts";
import { createKeys, type JwksTimes, MAX_JWKS_BYTES } from "./keys.ts";
import {
  configOf,
  forge,
  keysOf,
  NOW,
  quietLog,
  refusal,
  sign,
  unauthorized,
} from "./test_tokens.ts";
import { createVerifier, type VerifyToken } from "./verify.ts";

const a = await keysOf("RS256");
const b = await keysOf("RS256");
const ec = await keysOf("ES256");
const ed = await keysOf("EdDSA");

/** Refetches whenever it may, so that no test waits for a cooldown. */
const EAGER: JwksTimes = { cooldown: 0, pause: 0 };

interface Issuer extends AsyncDisposable {
  verify: VerifyToken;
  lines: string[];
  /** How often the set was asked for. */
  readonly asked: number;
  /** What is answered; the keys by id, as JWKs. */
  answer: (request: Request) => Response | Promise<Response>;
  publish(keys: Record<string, CryptoKey>, more?: Record<string, unknown>): Promise<void>;
  /** Ends the server; starts it again on the same port. */
  stop(): Promise<void>;
  start(): void;
}

/** An issuer with an empty set, and a verifier that trusts it. */
async function startIssuer(times: JwksTimes = EAGER): Promise<Issuer> {
  let asked = 0;
  let port = 0;
  let server: Deno.HttpServer<Deno.NetAddr>;
  let ending: AbortController;
  // Not shutdown: it would wait for the answers that a test holds back.
  const stop = async () => {
    ending.abort();
    await server.finished;
  };
  const { log, lines } = quietLog();
  const issuer: Omit<Issuer, "verify"> = {
    lines,
    get asked() {
      return asked;
    },
    answer: () => Response.json({ keys: [] }),
    async publish(keys, more = {}) {
      const jwks = await Promise.all(
        Object.entries(keys).map(async ([kid, key]) => ({ ...await exportJWK(key), kid, ...more })),
      );
      issuer.answer = () => Response.json({ keys: jwks });
    },
    stop,
    start() {
      ending = new AbortController();
      const { signal } = ending;
      server = Deno.serve(
        { hostname: "127.0.0.1", port, signal, onListen: () => {} },
        (request) => {
          asked++;
          return issuer.answer(request);
        },
      );
      port = server.addr.port;
    },
    [Symbol.asyncDispose]: stop,
  };
  issuer.start();
  const config = configOf({
    AUTH_ALGORITHMS: "RS256,ES256,EdDSA",
    AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks`,
  });
  const keys = await createKeys(keySourceOf(config), log, times);
  const verify = createVerifier(config, keys, log, () => new Date(NOW * 1_000));
  return Object.assign(issuer, { verify });
}

const signA = () => sign(a.privateKey, {}, { alg: "RS256", kid: "a" });
const signB = () => sign(b.privateKey, {}, { alg: "RS256", kid: "b" });

/** Checks that a verification is refused as unavailable, with a time to come back. */
async function unavailable(verification: Promise<unknown>): Promise<void> {
  const { code, message, retryAfter } = await refusal(verification);
  assert.deepEqual([code, message], ["unavailable", "Temporarily unavailable: key set"]);
  assert.ok(retryAfter !== undefined && retryAfter >= 0);
}

Deno.test("a set serves each of its algorithms, with and without key ids in tokens", async () => {
  await using issuer = await startIssuer();
  await issuer.publish({ a: a.publicKey, e: ec.publicKey, d: ed.publicKey });
  const { verify } = issuer;
  assert.equal((await verify(await signA())).userId, "u1");
  await verify(await sign(ec.privateKey, {}, { alg: "ES256", kid: "e" }));
  await verify(await sign(ed.privateKey, {}, { alg: "EdDSA", kid: "d" }));
  await verify(await sign(ec.privateKey, {}, { alg: "ES256" }));
  assert.equal(issuer.asked, 1);
  // Another key's id does not make the key another.
  await unauthorized(verify(await sign(b.privateKey, {}, { alg: "RS256", kid: "a" })), "signature");
  await unauthorized(verify(await sign(a.privateKey, {}, { alg: "RS256", kid: "e" })), "key");
});

Deno.test("keys rotate: a new one is fetched, a withdrawn one is void", async () => {
  await using issuer = await startIssuer();
  const { verify } = issuer;
  await issuer.publish({ a: a.publicKey });
  await verify(await signA());
  await unauthorized(verify(await signB()), "key");
  await issuer.publish({ a: a.publicKey, b: b.publicKey });
  await verify(await signB());
  await verify(await signA());
  await issuer.publish({ b: b.publicKey });
  // Another unknown key brings the set that lacks a.
  await unauthorized(verify(await sign(a.privateKey, {}, { alg: "RS256", kid: "c" })), "key");
  await unauthorized(verify(await signA()), "key");
  await verify(await signB());
});

Deno.test("a withdrawn key is void when the set is old", async () => {
  await using issuer = await startIssuer({ ...EAGER, maxAge: 0 });
  await issuer.publish({ a: a.publicKey });
  await issuer.verify(await signA());
  await issuer.publish({ b: b.publicKey });
  await unauthorized(issuer.verify(await signA()), "key");
});

Deno.test("made-up key ids cost the issuer one request in a cooldown", async () => {
  await using issuer = await startIssuer({ cooldown: 600_000 });
  await issuer.publish({ a: a.publicKey });
  const tokens = await Promise.all(
    Array.from(
      { length: 100 },
      (_, i) => sign(b.privateKey, {}, { alg: "RS256", kid: `made-up-${i}` }),
    ),
  );
  await Promise.all(tokens.map((token) => unauthorized(issuer.verify(token), "key")));
  for (const token of tokens) await unauthorized(issuer.verify(token), "key");
  assert.equal(issuer.asked, 1);
  await issuer.verify(await signA());
});

Deno.test("a set is no place for HS256, nor for private or weak keys", async () => {
  await using issuer = await startIssuer();
  const secret = "x".repeat(32);
  const k = new TextEncoder().encode(secret).toBase64({ alphabet: "base64url", omitPadding: true });
  issuer.answer = () => Response.json({ keys: [{ kty: "oct", kid: "s", k }] });
  const claims = { sub: "u1", exp: NOW + 60 };
  const { verify } = issuer;
  await unauthorized(verify(await forge({ alg: "HS256", kid: "s" }, claims, secret)), "algorithm");
  await unauthorized(verify(await forge({ alg: "RS256", kid: "s" }, claims, secret)), "key");

  await issuer.publish({ a: a.privateKey });
  await unauthorized(verify(await signA()), "key");

  // jose signs with no weak key, but the set is refused before a signature is looked at.
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
  issuer.answer = () => Response.json({ keys: [{ ...weak.export({ format: "jwk" }), kid: "w" }] });
  const token = await sign(b.privateKey, {}, { alg: "RS256", kid: "w" });
  await unauthorized(verify(token), "key: too short");

  issuer.answer = () => Response.json({ keys: [{ kty: "RSA", kid: "a", n: "AQAB", e: 7 }] });
  assert.equal((await refusal(issuer.verify(await signA()))).code, "unauthorized");
  assert.deepEqual(issuer.lines, []);
});

Deno.test("a key for encryption, or of another algorithm, does not verify", async () => {
  await using issuer = await startIssuer();
  for (const more of [{ use: "enc" }, { alg: "PS256" }, { key_ops: ["sign"] }]) {
    await issuer.publish({ a: a.publicKey }, more);
    await unauthorized(issuer.verify(await signA()), "key");
  }
  await issuer.publish({ a: a.publicKey }, { use: "sig", alg: "RS256", key_ops: ["verify"] });
  await issuer.verify(await signA());
});

Deno.test("where several keys fit, the token must name one", async () => {
  await using issuer = await startIssuer();
  await issuer.publish({ a: a.publicKey, b: b.publicKey });
  const unnamed = await sign(a.privateKey, {}, { alg: "RS256" });
  await unauthorized(issuer.verify(unnamed), "key: several fit, none is named");
});

Deno.test("an issuer that is down means unavailable, and comes back", async () => {
  await using issuer = await startIssuer();
  const { verify } = issuer;
  await issuer.publish({ a: a.publicKey });
  await issuer.stop();
  await unavailable(verify(await signA()));
  await unavailable(verify(await signA()));
  issuer.start();
  await verify(await signA());
  assert.equal(issuer.lines.filter((line) => line.includes("not to be had")).length, 1);
  assert.equal(issuer.lines.filter((line) => line.includes("is back")).length, 1);
});

Deno.test("while the issuer is down its known keys hold, and unknown ones are unavailable", async () => {
  await using issuer = await startIssuer();
  await issuer.publish({ a: a.publicKey });
  await issuer.verify(await signA());
  await issuer.stop();
  await issuer.verify(await signA());
  await unavailable(issuer.verify(await signB()));
  await issuer.verify(await signA());
});

Deno.test("an old set of an issuer that is down is trusted no more", async () => {
  await using issuer = await startIssuer({ ...EAGER, maxAge: 0 });
  await issuer.publish({ a: a.publicKey });
  await issuer.verify(await signA());
  await issuer.stop();
  await unavailable(issuer.verify(await signA()));
});

Deno.test("after a failure the issuer is left alone for a while, then asked again", async () => {
  const token = await signA();
  const down = () => new Response("busy", { status: 503 });
  await using issuer = await startIssuer({ pause: 600_000 });
  issuer.answer = down;
  await Promise.all(Array.from({ length: 50 }, () => unavailable(issuer.verify(token))));
  const { retryAfter } = await refusal(issuer.verify(token));
  assert.ok(retryAfter! > 0 && retryAfter! <= 600_000, `${retryAfter}`);
  assert.equal(issuer.asked, 1);

  await using patient = await startIssuer({ pause: 50 });
  patient.answer = down;
  await unavailable(patient.verify(token));
  await patient.publish({ a: a.publicKey });
  await until("the pause to end", () => patient.verify(token).then(() => true, () => false));
});

Deno.test("an issuer that does not answer in time means unavailable", async () => {
  await using issuer = await startIssuer({ ...EAGER, fetchTimeout: 50 });
  const { promise, resolve } = Promise.withResolvers<Response>();
  issuer.answer = () => promise;
  // Shorter than jose's own 5 s.
  await within("a verification", unavailable(issuer.verify(await signA())), 4_000);
  resolve(Response.json({ keys: [] }));
  // The head has come, the body does not end.
  const bodies: ReadableStreamDefaultController[] = [];
  issuer.answer = () =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('{"keys":['));
          bodies.push(controller);
        },
      }),
    );
  await unavailable(issuer.verify(await signA()));
  assert.equal(bodies.length, 1);
});

Deno.test("an answer that is no key set means unavailable", async () => {
  await using issuer = await startIssuer();
  const elsewhere = { location: "https://issuer.example/jwks" };
  const answers = [
    () => new Response("no", { status: 404 }),
    () => new Response(null, { status: 204 }),
    () => new Response(null, { status: 302, headers: elsewhere }),
    () => new Response(""),
    () => new Response("<html>"),
    () => Response.json([]),
    () => Response.json({}),
    () => Response.json({ keys: {} }),
    () => Response.json({ keys: ["a"] }),
    () => new Response(new Uint8Array([0xff, 0xfe])),
  ];
  for (const answer of answers) {
    issuer.answer = answer;
    await unavailable(issuer.verify(await signA()));
  }
  await issuer.publish({ a: a.publicKey });
  await issuer.verify(await signA());
});

Deno.test("a set may have 256 KiB, and is read no further", async () => {
  await using issuer = await startIssuer();
  const key = { ...await exportJWK(a.publicKey), kid: "a", pad: "" };
  const bare = JSON.stringify({ keys: [key] }).length;
  const answer = (size: number) => () =>
    Response.json({ keys: [{ ...key, pad: "x".repeat(size - bare) }] });
  issuer.answer = answer(MAX_JWKS_BYTES + 1);
  await unavailable(issuer.verify(await signA()));
  issuer.answer = answer(MAX_JWKS_BYTES);
  await issuer.verify(await signA());

  await using endless = await startIssuer();
  let cancelled = false;
  endless.answer = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(32)),
        cancel: () => void (cancelled = true),
      }),
    );
  await unavailable(endless.verify(await signA()));
  await until("the answer to be given up", () => cancelled);
});
