/**
 * What the tests of this folder share: configurations, keys, and tokens of any kind, well made or
 * not.
 *
 * @module
 */
import { type CryptoKey, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import assert from "node:assert/strict";
import * as z from "zod";
import type { Fault } from "../contract/mod.ts";
import { createLogger, FaultError, type Logger, readConfig } from "../kit/mod.ts";
import { type Algorithm, AUTH_CONFIG, type AuthConfig, keySourceOf } from "./config.ts";
import { createKeys } from "./keys.ts";
import { createVerifier, type VerifyToken } from "./verify.ts";

export const SECRET = "a secret of thirty-two bytes, or more";

/** The time of tests that are about times, seconds since 1970. */
export const NOW = 1_800_000_000;

/** The configuration that these variables make. */
export function configOf(env: Record<string, string>): AuthConfig {
  return readConfig(z.object(AUTH_CONFIG), (name) => env[name]);
}

/** A logger that keeps its lines. */
export function quietLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    log: createLogger("auth", { format: "text", write: (line) => void lines.push(line) }),
  };
}

/** The verifier that these variables make; its clock stands at {@link NOW}. */
export async function verifierOf(env: Record<string, string>): Promise<VerifyToken> {
  const config = configOf(env);
  const { log } = quietLog();
  const keys = await createKeys(keySourceOf(config), log);
  return createVerifier(config, keys, log, () => new Date(NOW * 1_000));
}

/** Keys of one asymmetric algorithm, the public one as PEM too. */
export async function keysOf(
  algorithm: Exclude<Algorithm, "HS256">,
): Promise<{ privateKey: CryptoKey; publicKey: CryptoKey; pem: string }> {
  const pair = await generateKeyPair(algorithm, { extractable: true });
  return { ...pair, pem: await exportSPKI(pair.publicKey) };
}

/** A token of these claims beside `sub` and `exp` (an hour after {@link NOW}). */
export function sign(
  key: CryptoKey | string,
  claims: JWTPayload = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT({ sub: "u1", exp: NOW + 3_600, ...claims })
    .setProtectedHeader({ alg: "HS256", ...header })
    .sign(typeof key === "string" ? new TextEncoder().encode(key) : key);
}

/** One part of a token, as JSON in base64url. */
export function part(value: unknown): string {
  return new TextEncoder().encode(JSON.stringify(value))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

/** A token with any header and any claims, signed by HMAC-SHA-256 whatever the header says. */
export async function forge(header: unknown, claims: unknown, secret: string): Promise<string> {
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const input = `${part(header)}.${part(claims)}`;
  const signature = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(input));
  const text = new Uint8Array(signature).toBase64({ alphabet: "base64url", omitPadding: true });
  return `${input}.${text}`;
}

/** The fault with which a verification is refused; fails where it is not, or not by a FaultError. */
export async function refusal(verification: Promise<unknown>): Promise<Fault> {
  try {
    const value = await verification;
    assert.fail(`not refused: ${JSON.stringify(value)}`);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return error.fault;
  }
}

/** Checks that a verification is refused as unauthorized, with this detail. */
export async function unauthorized(verification: Promise<unknown>, detail: string): Promise<void> {
  assert.deepEqual(await refusal(verification), {
    code: "unauthorized",
    message: `Not authenticated: ${detail}`,
  });
}
