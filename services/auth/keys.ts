/**
 * The keys that verify tokens. A secret and a public key are fixed. A key set is fetched from its
 * issuer when it is first needed, when a token names a key that it lacks (after a key rotation),
 * and when it is too old.
 *
 * @module
 */
import {
  createRemoteJWKSet,
  type CryptoKey,
  customFetch,
  errors,
  type FetchImplementation,
  type JWTVerifyGetKey,
} from "jose";
import type { KeyObject } from "node:crypto";
import * as z from "zod";
import { errorText, FaultError, type Logger } from "../kit/mod.ts";
import { type KeySource, MIN_RSA_BITS } from "./config.ts";

/** Largest accepted key set, bytes. A set of four RSA keys with certificates takes about 10 KiB. */
export const MAX_JWKS_BYTES = 256 * 1024;

/**
 * Timeout for fetching a key set, milliseconds. Shorter than the 5 s that a gateway waits for a
 * verification, so that the client receives the actual reason.
 */
const FETCH_TIMEOUT_MS = 3_000;

/**
 * Cooldown after a fetch before an unknown key id triggers another, milliseconds. Tokens with
 * invented key ids cost the issuer one request in that time. Issuers publish a key well before they
 * use it.
 */
const COOLDOWN_MS = 10_000;

/**
 * How long a key set is trusted, milliseconds. A key that its issuer withdraws is refused after
 * this time at the latest.
 */
const MAX_AGE_MS = 600_000;

/** Pause after a failed fetch before the next attempt, milliseconds. */
const FAILURE_PAUSE_MS = 1_000;

/** Times of a key set in milliseconds, for tests. The constants above are the defaults. */
export interface JwksTimes {
  fetchTimeout?: number;
  cooldown?: number;
  maxAge?: number;
  pause?: number;
}

/**
 * Returns the key for a token's header. Rejects with a FaultError: `unauthorized` if not exactly
 * one key matches, or `unavailable` with `retryAfter` if the key set cannot be fetched.
 */
export type KeyGetter = (
  ...args: Parameters<JWTVerifyGetKey>
) => Promise<CryptoKey | KeyObject>;

/** Creates the key getter for a source of keys. Fetches nothing yet. */
export async function createKeyGetter(
  source: KeySource,
  log: Logger,
  times: JwksTimes = {},
): Promise<KeyGetter> {
  if (source.kind === "jwks") return createJwks(source.url, log, times);
  // Imported once. Given bytes, jose would import them for each token (80 us per token instead of
  // 60).
  const key = source.kind === "public" ? source.key : await crypto.subtle.importKey(
    "raw",
    source.secret,
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["verify"],
  );
  return () => Promise.resolve(key);
}

function createJwks(url: URL, log: Logger, times: JwksTimes): KeyGetter {
  const getKey = createRemoteJWKSet(url, {
    timeoutDuration: times.fetchTimeout ?? FETCH_TIMEOUT_MS,
    cooldownDuration: times.cooldown ?? COOLDOWN_MS,
    cacheMaxAge: times.maxAge ?? MAX_AGE_MS,
    [customFetch]: boundedFetch(log, times.pause ?? FAILURE_PAUSE_MS),
  });
  return async (header, token) => {
    try {
      const key = await getKey(header, token);
      const { modulusLength = MIN_RSA_BITS } = key.algorithm as { modulusLength?: number };
      if (modulusLength < MIN_RSA_BITS) throw new FaultError("unauthorized", "key: too short");
      return key;
    } catch (error) {
      if (error instanceof FaultError) throw error;
      // Trying each key in turn would let a token decide how much work it causes.
      const several = error instanceof errors.JWKSMultipleMatchingKeys;
      throw new FaultError(
        "unauthorized",
        several ? "key: several match, and the token names none" : "key",
      );
    }
  };
}

/** The shape of a key set. jose validates each key. */
const KeySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });

/**
 * Creates a fetch of key sets for jose, which neither bounds the response nor pauses after a
 * failure. Every failure becomes a FaultError `unavailable`. Logs the first failure and the
 * recovery.
 */
function boundedFetch(log: Logger, pause: number): FetchImplementation {
  let failedAt: number | undefined;
  return async (url, options) => {
    const wait = failedAt === undefined ? 0 : failedAt + pause - performance.now();
    if (wait > 0) throw new FaultError("unavailable", "key set", Math.ceil(wait));
    try {
      const text = await readBounded(await fetch(url, options));
      if (!KeySet.safeParse(JSON.parse(text)).success) {
        throw new Error("the response is not a key set");
      }
      if (failedAt !== undefined) log.info("fetched the key set again");
      failedAt = undefined;
      return new Response(text);
    } catch (error) {
      if (failedAt === undefined) {
        log.warn("cannot fetch the key set", { error: errorText(error) });
      }
      failedAt = performance.now();
      throw new FaultError("unavailable", "key set", pause);
    }
  };
}

/** Reads the text of a response. Throws if its status is not 200 or it is too large. */
async function readBounded(response: Response): Promise<string> {
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the issuer answered ${response.status}`);
  }
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  // Leaving the loop cancels the rest of the body.
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_JWKS_BYTES) throw new Error(`larger than ${MAX_JWKS_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
