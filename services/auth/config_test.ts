import { generateKeyPairSync } from "node:crypto";
import assert from "node:assert/strict";
import { ConfigError } from "../kit/mod.ts";
import { keySourceOf, PUBLISHED_SECRET } from "./config.ts";
import { generateKeys, SECRET, testConfig } from "./test_tokens.ts";

const rsa = await generateKeys("RS256");
const ec = await generateKeys("ES256");
const ed = await generateKeys("EdDSA");
const JWKS = "https://issuer.example/jwks";

/** Asserts that these variables are refused with one line that matches and contains no secret. */
function assertRefused(env: Record<string, string>, message: RegExp): void {
  assert.throws(() => keySourceOf(testConfig(env)), (error) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.message, message);
    assert.ok(!error.message.includes("\n"), error.message);
    for (const name of ["AUTH_SECRET", "AUTH_PUBLIC_KEY"]) {
      if (env[name]) assert.ok(!error.message.includes(env[name]), error.message);
    }
    return true;
  });
}

Deno.test("a secret is the source of HS256, the default", () => {
  const source = keySourceOf(testConfig({ AUTH_SECRET: SECRET }));
  assert.deepEqual(source, { kind: "secret", secret: new TextEncoder().encode(SECRET) });
});

Deno.test("a PEM is the source of each asymmetric algorithm", () => {
  for (const [algorithm, { pem }] of [["RS256", rsa], ["ES256", ec], ["EdDSA", ed]] as const) {
    const source = keySourceOf(testConfig({ AUTH_ALGORITHMS: algorithm, AUTH_PUBLIC_KEY: pem }));
    assert.equal(source.kind, "public");
  }
});

Deno.test("\\n in a PEM stands for a line break", () => {
  const pem = rsa.pem.trim().replaceAll("\n", "\\n");
  const source = keySourceOf(testConfig({ AUTH_ALGORITHMS: "RS256", AUTH_PUBLIC_KEY: pem }));
  assert.equal(source.kind, "public");
});

Deno.test("a PEM may be in a file; one that is not to be read is named", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/key.pem`, ec.pem);
    const env = { AUTH_ALGORITHMS: "ES256", AUTH_PUBLIC_KEY_FILE: `${folder}/key.pem` };
    assert.equal(keySourceOf(testConfig(env)).kind, "public");
    env.AUTH_PUBLIC_KEY_FILE += ".gone";
    assertRefused(env, /^AUTH_PUBLIC_KEY_FILE: .*key\.pem\.gone/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a key set may serve several algorithms", () => {
  const source = keySourceOf(testConfig({
    AUTH_ALGORITHMS: "RS256, ES256,EdDSA",
    AUTH_JWKS_URL: JWKS,
  }));
  assert.deepEqual(source, { kind: "jwks", url: new URL(JWKS) });
});

Deno.test("a key set is fetched over https, or over http from this machine", () => {
  const hosts = ["localhost", "issuer.localhost:8080", "127.0.0.1", "127.1.2.3", "[::1]:9"];
  for (const url of [JWKS, ...hosts.map((host) => `http://${host}/jwks`)]) {
    assert.equal(testConfig({ AUTH_JWKS_URL: url }).AUTH_JWKS_URL, url);
  }
  const wrong = [
    "jwks",
    "ftp://localhost/jwks",
    "http://issuer.example/jwks",
    "http://127.0.0.1.example/jwks",
    "http://localhost.example/jwks",
    "https://user:password@issuer.example/jwks",
  ];
  for (const url of wrong) {
    assertRefused({ AUTH_JWKS_URL: url }, /^AUTH_JWKS_URL: expected an https URL/);
  }
});

Deno.test("exactly one source of keys is configured", () => {
  assertRefused({}, /^AUTH_SECRET: must be set \(or one of AUTH_PUBLIC_KEY, /);
  assertRefused(
    { AUTH_SECRET: SECRET, AUTH_JWKS_URL: JWKS },
    /^AUTH_JWKS_URL: .*AUTH_SECRET already is one/,
  );
  assertRefused(
    { AUTH_ALGORITHMS: "RS256", AUTH_PUBLIC_KEY: rsa.pem, AUTH_PUBLIC_KEY_FILE: "key.pem" },
    /^AUTH_PUBLIC_KEY_FILE: .*AUTH_PUBLIC_KEY already is one/,
  );
});

Deno.test("no configuration lets a public key serve as a secret", () => {
  assertRefused(
    { AUTH_ALGORITHMS: "HS256,RS256", AUTH_SECRET: SECRET },
    /^AUTH_ALGORITHMS: HS256 cannot/,
  );
  assertRefused(
    { AUTH_ALGORITHMS: "RS256,HS256", AUTH_PUBLIC_KEY: rsa.pem },
    /^AUTH_ALGORITHMS: HS256 cannot/,
  );
  assertRefused(
    { AUTH_ALGORITHMS: "RS256", AUTH_SECRET: SECRET },
    /^AUTH_ALGORITHMS: AUTH_SECRET is for/,
  );
  assertRefused(
    { AUTH_PUBLIC_KEY: rsa.pem },
    /^AUTH_ALGORITHMS: AUTH_PUBLIC_KEY holds public keys/,
  );
  assertRefused({ AUTH_JWKS_URL: JWKS }, /^AUTH_ALGORITHMS: AUTH_JWKS_URL holds public keys/);
  assertRefused({ AUTH_SECRET: rsa.pem }, /^AUTH_SECRET: a PEM is no secret/);
});

Deno.test("unknown algorithms are refused", () => {
  for (const text of ["none", "HS256,none", "RS384", ",", "hs256"]) {
    assertRefused(
      { AUTH_ALGORITHMS: text, AUTH_SECRET: SECRET },
      /^AUTH_ALGORITHMS: expected some of/,
    );
  }
});

Deno.test("a secret has at least 32 bytes", () => {
  assertRefused({ AUTH_SECRET: "x".repeat(31) }, /^AUTH_SECRET: expected at least 32 bytes$/);
  // Bytes, not characters.
  assert.equal(testConfig({ AUTH_SECRET: "ä".repeat(16) }).AUTH_SECRET, "ä".repeat(16));
});

Deno.test("a public key must match its algorithm", () => {
  const asks = (algorithm: string, pem: string) => ({
    AUTH_ALGORITHMS: algorithm,
    AUTH_PUBLIC_KEY: pem,
  });
  assertRefused(
    asks("ES256", rsa.pem),
    /^AUTH_PUBLIC_KEY: ES256 needs a key of type ec prime256v1; this one is rsa/,
  );
  assertRefused(asks("RS256", ec.pem), /^AUTH_PUBLIC_KEY: RS256 needs a key of type rsa/);
  assertRefused(asks("EdDSA", ec.pem), /^AUTH_PUBLIC_KEY: EdDSA needs a key of type ed25519/);
  assertRefused(asks("RS256,ES256", rsa.pem), /^AUTH_ALGORITHMS: AUTH_PUBLIC_KEY is one key/);
  const spki = { type: "spki", format: "pem" } as const;
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export(spki);
  assertRefused(asks("ES256", String(p384)), /this one is ec secp384r1/);
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
  assertRefused(
    asks("RS256", String(weak.publicKey.export(spki))),
    /at least 2048 bits; this one has 1024/,
  );
  const secret = String(weak.privateKey.export({ type: "pkcs8", format: "pem" }));
  assertRefused(asks("RS256", secret), /^AUTH_PUBLIC_KEY: expected a PEM/);
  assertRefused(asks("RS256", "nonsense"), /^AUTH_PUBLIC_KEY: expected a PEM/);
  const broken = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";
  assertRefused(asks("RS256", broken), /^AUTH_PUBLIC_KEY: /);
});

Deno.test("development tokens require a secret", () => {
  assertRefused(
    { AUTH_ALGORITHMS: "RS256", AUTH_PUBLIC_KEY: rsa.pem, AUTH_DEV_TOKENS: "true" },
    /^AUTH_DEV_TOKENS: AUTH_PUBLIC_KEY only verifies/,
  );
  assertRefused(
    { AUTH_ALGORITHMS: "RS256", AUTH_JWKS_URL: JWKS, AUTH_DEV_TOKENS: "true" },
    /^AUTH_DEV_TOKENS: AUTH_JWKS_URL only verifies/,
  );
});

Deno.test("the secret that earlier releases published is refused, whatever it is for", () => {
  for (const AUTH_DEV_TOKENS of ["true", "false"]) {
    assertRefused({ AUTH_SECRET: PUBLISHED_SECRET, AUTH_DEV_TOKENS }, /^AUTH_SECRET: set your own/);
  }
});
