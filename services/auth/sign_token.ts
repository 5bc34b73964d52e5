/**
 * Signs tokens: for development, and for the HTTP API.
 *
 * @module
 */
import { SignJWT } from "jose";
import type { CallsClaim, RoomsClaim } from "../contract/mod.ts";
import type { AuthConfig } from "./config.ts";

/** What a token says. */
export interface TokenContent {
  userId: string;
  username: string;
  /** Absent: the rights of the namespaces hold. */
  rooms?: RoomsClaim;
  calls: CallsClaim;
  /** How long it is to be valid, seconds; at most AUTH_MAX_TOKEN_LIFETIME. */
  ttl: number;
}

/** A signed token. */
export interface SignedToken {
  token: string;
  /** Its `jti`. */
  tokenId: string;
  /** When it expires, milliseconds since 1970. */
  expiresAt: number;
}

/** Signs a token with `secret` by HS256. It passes this service's own verification. */
export async function signToken(
  { userId, username, rooms, calls, ttl }: TokenContent,
  config: Pick<AuthConfig, "AUTH_ISSUER" | "AUTH_AUDIENCE" | "AUTH_MAX_TOKEN_LIFETIME">,
  secret: Uint8Array<ArrayBuffer>,
): Promise<SignedToken> {
  const issuedAt = Math.floor(Date.now() / 1_000);
  const expiry = issuedAt + Math.min(ttl, config.AUTH_MAX_TOKEN_LIFETIME);
  const tokenId = crypto.randomUUID();
  const claims = { name: username, calls, ...(rooms === undefined ? {} : { rooms }) };
  const signing = new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(userId)
    .setJti(tokenId)
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiry);
  if (config.AUTH_ISSUER !== undefined) signing.setIssuer(config.AUTH_ISSUER);
  if (config.AUTH_AUDIENCE !== undefined) signing.setAudience(config.AUTH_AUDIENCE);
  return { token: await signing.sign(secret), tokenId, expiresAt: expiry * 1_000 };
}
