/**
 * What the tests in this folder share: configurations, keys, and valid and invalid tokens.
 *
 * @module
 */
import { type CryptoKey, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import assert from "node:assert/strict";
import * as z from "zod";
import type { Fault } from "../contract/mod.ts";
import { createLogger, FaultError, type Logger, readConfig } from "../kit/mod.ts";
import { type Algorithm, AUTH_CONFIG, type AuthConfig, keySourceOf } from "./config.ts";
import { createKeyGetter } from "./keys.ts";
import { createVerifier, type VerifyToken } from "./verify.ts";

/** The secret that the tests sign with. */
export const SECRET = "a secret of thirty-two bytes, or more";

/** The current time for the verifiers under test, seconds since 1970. */
export const NOW = 1_800_000_000;

/** Reads the configuration from these variables. */
export function testConfig(env: Record<string, string>): AuthConfig {
  return readConfig(z.object(AUTH_CONFIG), (name) => env[name]);
}

/** Creates a logger that keeps its lines. */
export function captureLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    log: createLogger("auth", { format: "text", write: (line) => void lines.push(line) }),
  };
}

/** Creates a verifier configured by these variables. Its clock stands at {@link NOW}. */
export async function createTestVerifier(env: Record<string, string>): Promise<VerifyToken> {
  const config = testConfig(env);
  const { log } = captureLog();
  const keys = await createKeyGetter(keySourceOf(config), log);
  return createVerifier(config, keys, log, () => new Date(NOW * 1_000));
}

/** Generates a key pair for an asymmetric algorithm. `pem` is the public key. */
export async function generateKeys(
  algorithm: Exclude<Algorithm, "HS256">,
): Promise<{ privateKey: CryptoKey; publicKey: CryptoKey; pem: string }> {
  const pair = await generateKeyPair(algorithm, { extractable: true });
  return { ...pair, pem: await exportSPKI(pair.publicKey) };
}

/** Signs a token with these claims beside `sub` and `exp` (an hour after {@link NOW}). */
export function sign(
  key: CryptoKey | string,
  claims: JWTPayload = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT({ sub: "u1", exp: NOW + 3_600, ...claims })
    .setProtectedHeader({ alg: "HS256", ...header })
    .sign(typeof key === "string" ? new TextEncoder().encode(key) : key);
}

/** Encodes one part of a token: JSON in base64url. */
export function encodePart(value: unknown): string {
  return new TextEncoder().encode(JSON.stringify(value))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Makes a token with any header and claims, signed by HMAC-SHA-256 regardless of the header. */
export async function forge(header: unknown, claims: unknown, secret: string): Promise<string> {
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const input = `${encodePart(header)}.${encodePart(claims)}`;
  const signature = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(input));
  const text = new Uint8Array(signature).toBase64({ alphabet: "base64url", omitPadding: true });
  return `${input}.${text}`;
}

/**
 * Returns the fault with which a verification is refused. Fails if it is accepted, or rejects with
 * another error.
 */
export async function refusal(verification: Promise<unknown>): Promise<Fault> {
  try {
    const value = await verification;
    assert.fail(`not refused: ${JSON.stringify(value)}`);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return error.fault;
  }
}

/** Asserts that a verification is refused as `unauthorized`, with this detail. */
export async function assertUnauthorized(
  verification: Promise<unknown>,
  detail: string,
): Promise<void> {
  assert.deepEqual(await refusal(verification), {
    code: "unauthorized",
    message: `Not authenticated: ${detail}`,
  });
}
