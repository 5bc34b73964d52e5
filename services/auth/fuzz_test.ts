/**
 * Mutated tokens: the verifier returns the identity of an original token, or refuses with a
 * FaultError. The seed is fixed, so failures are reproducible.
 */
import assert from "node:assert/strict";
import { Identity } from "../contract/mod.ts";
import { FaultError } from "../kit/mod.ts";
import {
  createTestVerifier,
  encodePart,
  forge,
  generateKeys,
  NOW,
  SECRET,
  sign,
} from "./test_tokens.ts";

const SEED = 20_261_124;

/** Enough to apply each mutation to each base token some dozens of times. Takes about a second. */
const ROUNDS = 3_000;

/** mulberry32: returns numbers in [0, 1). */
function randomFrom(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const random = randomFrom(SEED);
const below = (limit: number) => Math.floor(random() * limit);
const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;

const SCRAPS = [
  ...["", ".", "..", "=", "-", "_", "+", "/", "%00", "\0", "\n", " ", "é", "\ud800", "{}", "null"],
  ...[encodePart({ alg: "none" }), encodePart({ alg: "HS256" }), encodePart({}), "A".repeat(9_000)],
];

const VALUES = [
  ...[undefined, null, true, 0, -1, 1.5, 1e308, NOW, NOW + 60, "", "a", "\ud800", "x".repeat(200)],
  ...[[], {}, ["a"], ["a.>.b"], [[]], { a: ["publish"] }, { "": [] }, { a: {} }, { a: [null] }],
];

const MUTATIONS: ((token: string, other: string) => string)[] = [
  // Replace, delete or insert a character, or cut off one end.
  (token) => splice(token, 1, String.fromCharCode(below(0x180))),
  (token) => splice(token, 1, ""),
  (token) => splice(token, 0, pick(SCRAPS)),
  (token) => token.slice(0, below(token.length)),
  (token) => token.slice(below(token.length)),
  // Flip one bit of one decoded part.
  (token) => {
    const parts = token.split(".");
    const index = below(parts.length);
    const bytes = Uint8Array.fromBase64(parts[index]!, { alphabet: "base64url" });
    const at = below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << below(8));
    parts[index] = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
    return parts.join(".");
  },
  // Swap or repeat parts, or take one from another token.
  (token) => token.split(".").sort(() => random() - 0.5).join("."),
  (token) => `${token}.${pick(token.split("."))}`,
  (token, other) => {
    const parts = token.split(".");
    const index = below(3);
    parts[index] = other.split(".")[index]!;
    return parts.join(".");
  },
];

function splice(text: string, remove: number, insert: string): string {
  const at = below(text.length);
  return text.slice(0, at) + insert + text.slice(at + remove);
}

Deno.test("mutated tokens are refused with a fault", async () => {
  const rsa = await generateKeys("RS256");
  const bases = [
    {
      verify: await createTestVerifier({ AUTH_SECRET: SECRET }),
      tokens: [await sign(SECRET, { rooms: ["a"] }), await sign(SECRET, { sub: "u2" })],
    },
    {
      verify: await createTestVerifier({ AUTH_ALGORITHMS: "RS256", AUTH_PUBLIC_KEY: rsa.pem }),
      tokens: [
        await sign(rsa.privateKey, { name: "Ann" }, { alg: "RS256" }),
        await sign(rsa.privateKey, { sub: "u2" }, { alg: "RS256", kid: "k" }),
      ],
    },
  ];
  let refused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const { verify, tokens } = pick(bases);
    const token = pick(tokens);
    let mutated = token;
    for (let times = 1 + below(3); times > 0; times--) {
      try {
        mutated = pick(MUTATIONS)(mutated, pick(tokens));
      } catch {
        // A part that is no longer base64 has no bits to flip.
      }
    }
    try {
      const identity = await verify(mutated);
      // Mutations may undo each other, or reproduce the other token.
      const expected = await Promise.all(tokens.map(verify));
      assert.ok(
        expected.some((one) => JSON.stringify(one) === JSON.stringify(identity)),
        `seed ${SEED}, round ${round}: ${JSON.stringify(mutated)} became ${
          JSON.stringify(identity)
        }`,
      );
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      assertFault(error, `seed ${SEED}, round ${round}: ${JSON.stringify(mutated)}`);
      refused++;
    }
  }
  assert.ok(refused > ROUNDS / 2, `only ${refused} of ${ROUNDS} were refused`);
});

Deno.test("signed tokens with arbitrary claims give an identity or a refusal", async () => {
  const verify = await createTestVerifier({ AUTH_SECRET: SECRET });
  const names = ["sub", "name", "username", "preferred_username", "exp", "nbf", "iat", "rooms"];
  let accepted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const claims: Record<string, unknown> = { sub: "u1", exp: NOW + 60 };
    for (let times = below(3); times > 0; times--) claims[pick(names)] = pick(VALUES);
    const header: Record<string, unknown> = { alg: "HS256" };
    if (below(4) === 0) header[pick(["typ", "kid", "jwk", "crit", "b64", "cty"])] = pick(VALUES);
    const token = await forge(header, claims, SECRET);
    try {
      const identity = await verify(token);
      assert.deepEqual(Identity.parse(identity), identity);
      accepted++;
    } catch (error) {
      assertFault(error, `seed ${SEED}, round ${round}: ${JSON.stringify({ header, claims })}`);
    }
  }
  assert.ok(accepted > ROUNDS / 10 && accepted < ROUNDS, `${accepted} of ${ROUNDS} were accepted`);
});

/** Asserts that an error refuses the token. `unavailable` would mean that the verifier failed. */
function assertFault(error: unknown, what: string): void {
  assert.ok(error instanceof FaultError, `${what}: ${error}`);
  assert.ok(["unauthorized", "token_expired"].includes(error.fault.code), `${what}: ${error}`);
}
