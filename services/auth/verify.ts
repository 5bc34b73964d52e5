/**
 * Verifies a token: its signature with the configured keys and algorithms, then its issuer,
 * audience, times and claims.
 *
 * @module
 */
import { errors, jwtVerify } from "jose";
import { type Identity, MAX_TOKEN_LENGTH } from "../contract/mod.ts";
import { errorText, FaultError, type Logger } from "../kit/mod.ts";
import { identityFromClaims } from "./claims.ts";
import type { AuthConfig } from "./config.ts";
import type { KeyGetter } from "./keys.ts";

/**
 * Verifies one token. Only rejects with a FaultError: `token_expired`; `unavailable` if the keys
 * cannot be fetched; or `unauthorized` with one of these details:
 *
 * | detail | meaning: the token |
 * |---|---|
 * | `malformed` | is not a signed JWT, or is too long |
 * | `algorithm` | uses an algorithm that is not allowed |
 * | `header` | requires an unsupported extension (`crit`) |
 * | `key`, `key: ...` | names no key of the set, or does not name one of several |
 * | `signature` | was signed with another key, or modified |
 * | `issuer`, `audience` | was issued by, or for, another party |
 * | `not valid yet` | has an `nbf` in the future |
 * | `claims: <claim>: ...` | has an invalid claim |
 */
export type VerifyToken = (token: string) => Promise<Identity>;

/** Creates a verifier for a configuration. `now` is the clock, for tests. */
export function createVerifier(
  config: AuthConfig,
  keys: KeyGetter,
  log: Logger,
  now: () => Date = () => new Date(),
): VerifyToken {
  return async (token) => {
    if (token.length > MAX_TOKEN_LENGTH) throw new FaultError("unauthorized", "malformed");
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: config.AUTH_ALGORITHMS,
        issuer: config.AUTH_ISSUER,
        audience: config.AUTH_AUDIENCE,
        clockTolerance: config.AUTH_CLOCK_TOLERANCE,
        currentDate: now(),
      });
      return identityFromClaims(payload, {
        requireExpiry: config.AUTH_REQUIRE_EXPIRY,
        maxLifetime: config.AUTH_MAX_TOKEN_LIFETIME,
        now: now().getTime(),
      });
    } catch (error) {
      throw refusalOf(error, log);
    }
  };
}

/** Returns the refusal for an error that the verification threw. */
function refusalOf(error: unknown, log: Logger): FaultError {
  if (error instanceof FaultError) return error;
  if (error instanceof errors.JWTExpired) return new FaultError("token_expired");
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefusal(error);
  if (error instanceof errors.JOSEAlgNotAllowed) return new FaultError("unauthorized", "algorithm");
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return new FaultError("unauthorized", "signature");
  }
  if (error instanceof errors.JOSENotSupported) return new FaultError("unauthorized", "header");
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) {
    return new FaultError("unauthorized", "malformed");
  }
  log.error("cannot verify a token", { error: errorText(error) });
  return new FaultError("unavailable", undefined, 1_000);
}

function claimRefusal({ claim, reason }: errors.JWTClaimValidationFailed): FaultError {
  if (claim === "iss") return new FaultError("unauthorized", "issuer");
  if (claim === "aud") return new FaultError("unauthorized", "audience");
  if (claim === "nbf" && reason === "check_failed") {
    return new FaultError("unauthorized", "not valid yet");
  }
  return new FaultError("unauthorized", `claims: ${claim}: expected a number`);
}
