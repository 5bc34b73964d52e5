/**
 * The variables of the auth service, beside those that every service has, and the rules between
 * them. Exactly one source of keys is given, and it fits the algorithms:
 *
 * | variable | meaning | default |
 * |---|---|---|
 * | `AUTH_ALGORITHMS` | what tokens may be signed with: `HS256`, or some of `RS256,ES256,EdDSA` | `HS256` |
 * | `AUTH_SECRET` | source: the secret of HS256, as text of at least 32 bytes | |
 * | `AUTH_PUBLIC_KEY` | source: a PEM (SPKI, `BEGIN PUBLIC KEY`); `\n` may stand for line breaks | |
 * | `AUTH_PUBLIC_KEY_FILE` | source: a file with that PEM | |
 * | `AUTH_JWKS_URL` | source: where the issuer publishes its key set; https, or http on loopback | |
 * | `AUTH_ISSUER` | the `iss` that tokens must have | any |
 * | `AUTH_AUDIENCE` | what must be (among) the token's `aud` | any |
 * | `AUTH_REQUIRE_EXPIRY` | whether tokens without `exp` are refused | `true` |
 * | `AUTH_CLOCK_TOLERANCE` | seconds that clocks may differ, for `exp` and `nbf` | `5` |
 * | `AUTH_DEV_TOKENS` | whether `POST /token` signs a token for anybody who asks; needs `AUTH_SECRET` | `false` |
 * | `AUTH_DEV_TOKEN_TTL` | seconds that such a token lives when the request says nothing | `86400` |
 *
 * A token's header never decides how it is verified. HS256 beside a public key is refused: the
 * verifier could be made to take the key that everybody knows for the secret. A PEM is one key, so
 * it goes with one algorithm; a key set may serve several.
 *
 * @module
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import * as z from "zod";
import { ConfigError, errorText, flag, integer, list } from "../kit/mod.ts";

const ALGORITHMS = ["HS256", "RS256", "ES256", "EdDSA"] as const;

/** A signature algorithm that can be allowed, by its JOSE name. */
export type Algorithm = typeof ALGORITHMS[number];

/** Shortest secret, bytes: RFC 7518 3.2 wants a key no shorter than the hash's output. */
const MIN_SECRET_BYTES = 32;

/** The secret that compose.yaml falls back on. Whoever has read that file can sign with it. */
export const PUBLISHED_SECRET = "development-only-secret-that-everybody-knows";

/** Shortest RSA key, bits: RFC 7518 3.3. */
export const MIN_RSA_BITS = 2_048;

/** Longest life of a development token, seconds: a year. */
export const MAX_DEV_TOKEN_TTL = 31_536_000;

/** The variables that are sources of keys. */
const SOURCES = [
  "AUTH_SECRET",
  "AUTH_PUBLIC_KEY",
  "AUTH_PUBLIC_KEY_FILE",
  "AUTH_JWKS_URL",
] as const;

const SOME_ALGORITHMS = `expected some of ${ALGORITHMS.join(", ")}, separated by commas`;

export const AUTH_CONFIG = {
  /** Algorithms that tokens may be signed with, separated by commas. */
  AUTH_ALGORITHMS: list().pipe(
    z.array(z.enum(ALGORITHMS, SOME_ALGORITHMS)).min(1, SOME_ALGORITHMS),
  ).default(["HS256"]),
  /** The secret of HS256. Its bytes are those of the text: nothing is decoded. */
  AUTH_SECRET: z.string().refine(
    (text) => new TextEncoder().encode(text).length >= MIN_SECRET_BYTES,
    `expected at least ${MIN_SECRET_BYTES} bytes`,
  ).refine(
    // Whoever has the public key, so anybody, could sign tokens.
    (text) => !text.includes("-----BEGIN "),
    "a PEM is no secret; a public key goes into AUTH_PUBLIC_KEY",
  ).optional(),
  /** A public key as PEM. Many ways to set a variable have no line breaks: `\n` stands for one. */
  AUTH_PUBLIC_KEY: z.string().optional(),
  AUTH_PUBLIC_KEY_FILE: z.string().optional(),
  /** Where the issuer's key set is. Over plain http anybody on the way could put a key into it. */
  AUTH_JWKS_URL: z.string().refine(
    (text) => jwksUrl(text) !== null,
    "expected an https URL without credentials (http for localhost alone)",
  ).optional(),
  AUTH_ISSUER: z.string().optional(),
  AUTH_AUDIENCE: z.string().optional(),
  /** A token without an end can only be ended by changing the key. */
  AUTH_REQUIRE_EXPIRY: flag().default(true),
  /** Seconds. Machines that keep their clocks by NTP differ by far less. */
  AUTH_CLOCK_TOLERANCE: integer(0, 300).default(5),
  AUTH_DEV_TOKENS: flag().default(false),
  /** Seconds. */
  AUTH_DEV_TOKEN_TTL: integer(1, MAX_DEV_TOKEN_TTL).default(86_400),
} as const;

/** The auth service's configuration. */
export type AuthConfig = z.infer<z.ZodObject<typeof AUTH_CONFIG>>;

/** Where the keys that verify tokens come from. */
export type KeySource =
  | { kind: "secret"; secret: Uint8Array<ArrayBuffer> }
  | { kind: "public"; key: KeyObject }
  | { kind: "jwks"; url: URL };

/**
 * The one source of keys that a configuration names, once the rules between variables hold. Reads
 * AUTH_PUBLIC_KEY_FILE; synchronous, so that the service can refuse before it listens or connects.
 *
 * @throws {ConfigError} when there is no source, or more than one, when it does not fit the
 * algorithms, when the public key is not to be read or too weak, when development tokens are asked
 * for without a secret, and when the secret is {@link PUBLISHED_SECRET} without them; the message is
 * one line that names the variable, never its value
 */
export function keySourceOf(config: AuthConfig): KeySource {
  const given = SOURCES.filter((name) => config[name] !== undefined);
  const [source, second] = given;
  if (source === undefined) {
    throw new ConfigError(`AUTH_SECRET: must be set (or one of ${SOURCES.slice(1).join(", ")})`);
  }
  if (second !== undefined) {
    throw new ConfigError(`${second}: give one source of keys, there is ${source} already`);
  }
  const algorithms = new Set(config.AUTH_ALGORITHMS);
  const symmetric = algorithms.has("HS256");
  if (symmetric && algorithms.size > 1) {
    throw new ConfigError(
      "AUTH_ALGORITHMS: HS256 cannot stand beside others: a public key must never be taken for a secret",
    );
  }
  if (symmetric !== (source === "AUTH_SECRET")) {
    throw new ConfigError(
      symmetric
        ? `AUTH_ALGORITHMS: ${source} holds public keys: name RS256, ES256 or EdDSA, not HS256`
        : "AUTH_ALGORITHMS: AUTH_SECRET is for HS256 alone; other algorithms need a public key",
    );
  }
  if (config.AUTH_DEV_TOKENS && source !== "AUTH_SECRET") {
    throw new ConfigError(
      `AUTH_DEV_TOKENS: ${source} only verifies: development tokens need AUTH_SECRET to be signed`,
    );
  }
  switch (source) {
    case "AUTH_SECRET":
      if (config.AUTH_SECRET === PUBLISHED_SECRET && !config.AUTH_DEV_TOKENS) {
        throw new ConfigError(
          "AUTH_SECRET: set your own: this one is published, and good only with AUTH_DEV_TOKENS=true",
        );
      }
      return { kind: "secret", secret: new TextEncoder().encode(config.AUTH_SECRET) };
    case "AUTH_JWKS_URL":
      return { kind: "jwks", url: new URL(config.AUTH_JWKS_URL!) };
    default: {
      const [algorithm] = algorithms as Set<Algorithm>;
      if (algorithms.size > 1) {
        throw new ConfigError(`AUTH_ALGORITHMS: ${source} is one key: name one algorithm`);
      }
      return { kind: "public", key: publicKey(source, pemOf(config), algorithm!) };
    }
  }
}

/** The text of the PEM given. */
function pemOf(config: AuthConfig): string {
  if (config.AUTH_PUBLIC_KEY !== undefined) {
    return config.AUTH_PUBLIC_KEY.replaceAll("\\n", "\n");
  }
  try {
    return Deno.readTextFileSync(config.AUTH_PUBLIC_KEY_FILE!);
  } catch (error) {
    throw new ConfigError(`AUTH_PUBLIC_KEY_FILE: ${oneLine(errorText(error))}`);
  }
}

/** The key of a PEM, if it is one that `algorithm` works with. */
function publicKey(variable: string, pem: string, algorithm: Algorithm): KeyObject {
  // node:crypto would take a private key too and derive its public half.
  if (!pem.trimStart().startsWith("-----BEGIN PUBLIC KEY-----")) {
    throw new ConfigError(`${variable}: expected a PEM that begins with "BEGIN PUBLIC KEY" (SPKI)`);
  }
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw new ConfigError(`${variable}: ${oneLine(errorText(error))}`);
  }
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  const kind = key.asymmetricKeyType === "ec" ? `ec ${namedCurve}` : key.asymmetricKeyType;
  const needed = { HS256: "", RS256: "rsa", ES256: "ec prime256v1", EdDSA: "ed25519" }[algorithm];
  if (kind !== needed) {
    throw new ConfigError(`${variable}: ${algorithm} needs a key of ${needed}, this is ${kind}`);
  }
  if (kind === "rsa" && modulusLength < MIN_RSA_BITS) {
    throw new ConfigError(
      `${variable}: ${modulusLength} bits are too few: expected ${MIN_RSA_BITS} at least`,
    );
  }
  return key;
}

/** Parses the address of a key set; null where it may not be one. */
function jwksUrl(text: string): URL | null {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return null;
  const loopback = /^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  return url.protocol === "https:" || (url.protocol === "http:" && loopback) ? url : null;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
