/**
 * The key that a token is verified with. A secret and a public key are fixed; a key set is fetched
 * from its issuer when it is first needed, again when a token names a key that it lacks (that is
 * how keys rotate), and again when it is old.
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

/** Largest key set read, bytes. One of four RSA keys with their certificates takes about 10 KiB. */
export const MAX_JWKS_BYTES = 256 * 1024;

/**
 * How long a key set may take to come, milliseconds. Shorter than the 5 s that a gateway waits for
 * a verification, so that the refusal says why.
 */
const FETCH_TIMEOUT_MS = 3_000;

/**
 * How long after a fetch an unknown key fetches again, milliseconds. Tokens with made-up key ids
 * cost the issuer one request in that time; issuers publish a key longer than that before its use.
 */
const COOLDOWN_MS = 10_000;

/** How long a key set is trusted, milliseconds: a key that its issuer withdraws is void after. */
const MAX_AGE_MS = 600_000;

/** After a failed fetch none is tried for so long, milliseconds. */
const PAUSE_MS = 1_000;

/** Times of a key set, for tests; see the constants above. */
export interface JwksTimes {
  fetchTimeout?: number;
  cooldown?: number;
  maxAge?: number;
  pause?: number;
}

/**
 * Gives the key for a token's header. Rejects with a FaultError: `unauthorized` where the set has
 * no (one) fitting key, `unavailable` with `retryAfter` where the set is not to be had.
 */
export type KeyGetter = (
  ...args: Parameters<JWTVerifyGetKey>
) => Promise<CryptoKey | KeyObject>;

/** Makes the getter for a source of keys. */
export async function createKeys(
  source: KeySource,
  log: Logger,
  times: JwksTimes = {},
): Promise<KeyGetter> {
  if (source.kind === "jwks") return createJwks(source.url, log, times);
  // Imported once: given as bytes, jose would import it for each token (80 us a token, not 60).
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
    [customFetch]: boundedFetch(log, times.pause ?? PAUSE_MS),
  });
  return async (header, token) => {
    try {
      const key = await getKey(header, token);
      const { modulusLength = MIN_RSA_BITS } = key.algorithm as { modulusLength?: number };
      if (modulusLength < MIN_RSA_BITS) throw new FaultError("unauthorized", "key: too short");
      return key;
    } catch (error) {
      if (error instanceof FaultError) throw error;
      // Trying each key in turn would let a token choose how much work it is.
      const several = error instanceof errors.JWKSMultipleMatchingKeys;
      throw new FaultError("unauthorized", several ? "key: several fit, none is named" : "key");
    }
  };
}

/** What a key set must be for its keys to be looked at; jose checks each of them. */
const KeySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });

/**
 * A fetch of key sets for jose, which itself neither bounds the answer nor rests after a failure.
 * Every failure is a FaultError `unavailable`; the log tells the first one and the recovery.
 */
function boundedFetch(log: Logger, pause: number): FetchImplementation {
  let failedAt: number | undefined;
  return async (url, options) => {
    const wait = failedAt === undefined ? 0 : failedAt + pause - performance.now();
    if (wait > 0) throw new FaultError("unavailable", "key set", Math.ceil(wait));
    try {
      const text = await readBounded(await fetch(url, options));
      if (!KeySet.safeParse(JSON.parse(text)).success) throw new Error("answered no key set");
      if (failedAt !== undefined) log.info("the key set is back");
      failedAt = undefined;
      return new Response(text);
    } catch (error) {
      if (failedAt === undefined) {
        log.warn("the key set is not to be had", { error: errorText(error) });
      }
      failedAt = performance.now();
      throw new FaultError("unavailable", "key set", pause);
    }
  };
}

/** The text of an answer; throws where it is not 200 or too large. */
async function readBounded(response: Response): Promise<string> {
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`answered ${response.status}`);
  }
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  // Leaving the loop cancels the rest.
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_JWKS_BYTES) throw new Error(`larger than ${MAX_JWKS_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
