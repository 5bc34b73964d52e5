/**
 * Verifies a token: its signature by the keys and algorithms of the configuration, then who it was
 * issued by and for, its times, and its claims.
 *
 * @module
 */
import { errors, jwtVerify } from "jose";
import { type Identity, MAX_TOKEN_LENGTH } from "../contract/mod.ts";
import { errorText, FaultError, type Logger } from "../kit/mod.ts";
import { identityOf } from "./claims.ts";
import type { AuthConfig } from "./config.ts";
import type { KeyGetter } from "./keys.ts";

/**
 * Verifies one token. Rejects with a FaultError and nothing else: `token_expired`; `unavailable`
 * where the keys are not to be had; `unauthorized` with what is wrong after the colon:
 *
 * | detail | the token |
 * |---|---|
 * | `malformed` | is no signed JWT, or too long |
 * | `algorithm` | is signed with an algorithm that is not allowed |
 * | `header` | demands an extension (`crit`) that we do not have |
 * | `key`, `key: ...` | names no key of the set, or not one of several |
 * | `signature` | was not signed with our key, or was changed |
 * | `issuer`, `audience` | was issued by, or for, somebody else |
 * | `not valid yet` | has its `nbf` in the future |
 * | `claims: <claim>: ...` | says something of itself that cannot be |
 */
export type VerifyToken = (token: string) => Promise<Identity>;

/** Makes the verifier of a configuration. `now` is for tests. */
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
      return identityOf(payload, { requireExpiry: config.AUTH_REQUIRE_EXPIRY });
    } catch (error) {
      throw refusalOf(error, log);
    }
  };
}

/** The refusal to tell for whatever the verification has thrown. */
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
  log.error("a token could not be verified", { error: errorText(error) });
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
