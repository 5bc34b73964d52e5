/**
 * The variables of the auth service, in addition to those that every service reads, and the rules
 * between them. Exactly one source of keys must be set, and it must fit the algorithms.
 *
 * A token's header never decides how the service verifies it. HS256 together with a public key is
 * refused: an attacker could sign with the public key, which everybody knows, as the secret. A PEM
 * holds one key, so it goes with one algorithm; a key set may serve several.
 *
 * @module
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import * as z from "zod";
import { MAX_DEV_TOKEN_TTL } from "../contract/mod.ts";
import {
  ConfigError,
  errorText,
  flag,
  integer,
  list,
  REPLICATION_CONFIG,
  revocationsStale,
} from "../kit/mod.ts";

const ALGORITHMS = ["HS256", "RS256", "ES256", "EdDSA"] as const;

/** A signature algorithm that can be allowed, by its JOSE name. */
export type Algorithm = typeof ALGORITHMS[number];

/** The shortest secret, bytes. RFC 7518 3.2 requires a key no shorter than the hash's output. */
const MIN_SECRET_BYTES = 32;

/** The secret in the compose.yaml of earlier releases. Everybody who has read it can sign with it. */
export const PUBLISHED_SECRET = "development-only-secret-that-everybody-knows";

/** The shortest RSA key, bits (RFC 7518 3.3). */
export const MIN_RSA_BITS = 2_048;

/** The variables that may hold or name the keys. */
const SOURCES = [
  "AUTH_SECRET",
  "AUTH_PUBLIC_KEY",
  "AUTH_PUBLIC_KEY_FILE",
  "AUTH_JWKS_URL",
  "AUTH_SECRET_FILE",
] as const;

const SOME_ALGORITHMS = `expected some of ${ALGORITHMS.join(", ")}, separated by commas`;

/** The schemas of the variables. */
export const AUTH_CONFIG = {
  AUTH_ALGORITHMS: list().pipe(
    z.array(z.enum(ALGORITHMS, SOME_ALGORITHMS)).min(1, SOME_ALGORITHMS),
  ).default(["HS256"]).meta({
    description: "The signature algorithms that tokens may use: `HS256` alone, or several others.",
    range: "HS256, or a comma-separated list of RS256, ES256, EdDSA",
  }),
  // The bytes of the secret are those of the text: the service decodes nothing.
  AUTH_SECRET: z.string().refine(
    (text) => new TextEncoder().encode(text).length >= MIN_SECRET_BYTES,
    `expected at least ${MIN_SECRET_BYTES} bytes`,
  ).refine(
    // Everybody who has the public key could sign tokens.
    (text) => !text.includes("-----BEGIN "),
    "a PEM is no secret; put a public key into AUTH_PUBLIC_KEY",
  ).optional().meta({
    description: "Key source for HS256: the secret.",
    range: `${MIN_SECRET_BYTES} bytes or more`,
  }),
  AUTH_SECRET_FILE: z.string().optional().meta({
    description: "Key source for HS256: a file with the secret.",
    range: "a path",
  }),
  AUTH_PUBLIC_KEY: z.string().optional().meta({
    description: "Key source: a public key as PEM. `\\n` may stand for a line break.",
    range: "a PEM that begins with BEGIN PUBLIC KEY",
  }),
  AUTH_PUBLIC_KEY_FILE: z.string().optional().meta({
    description: "Key source: a file with such a PEM.",
    range: "a path",
  }),
  // Over plain http anybody on the network path could insert a key.
  AUTH_JWKS_URL: z.string().refine(
    (text) => jwksUrl(text) !== null,
    "expected an https URL without credentials (http for localhost alone)",
  ).optional().meta({
    description: "Key source: the URL of the issuer's key set (JWKS).",
    range: "an https:// URL; http:// only on localhost",
  }),
  AUTH_ISSUER: z.string().optional().meta({
    description: "The `iss` claim that tokens must have. Without it the issuer is not checked.",
    range: "text",
  }),
  AUTH_AUDIENCE: z.string().optional().meta({
    description: "The value that the `aud` claim of tokens must contain. Without it the audience " +
      "is not checked.",
    range: "text",
  }),
  // Only a change of the key revokes a token that never expires.
  AUTH_REQUIRE_EXPIRY: flag().default(true).meta({
    description: "Whether the service refuses tokens without an `exp` claim.",
  }),
  // Machines that synchronise their clocks with NTP differ by far less.
  AUTH_CLOCK_TOLERANCE: integer(0, 300).default(5).meta({
    description: "The clock difference that `exp` and `nbf` allow for.",
    unit: "s",
  }),
  // A revocation by time is kept until every token that it concerns has expired.
  AUTH_MAX_TOKEN_LIFETIME: integer(1, MAX_DEV_TOKEN_TTL * 10).default(MAX_DEV_TOKEN_TTL).meta({
    description: "The longest time from `iat` to `exp` that a token may have. Revocations of a " +
      "user's tokens are kept for this long.",
    unit: "s",
  }),
  AUTH_MAX_DENIALS: integer(1, 100_000).default(10_000).meta({
    description: "How many revocations and bans may be in force at a time. One more is refused.",
    unit: "denials",
  }),
  REVOCATIONS_STALE_MS: revocationsStale(),
  ...REPLICATION_CONFIG,
  AUTH_DEV_TOKENS: flag().default(false).meta({
    description:
      "Whether `POST /token` signs a token for anybody on this machine who asks. For development " +
      "only; needs `AUTH_SECRET`.",
  }),
  AUTH_DEV_TOKENS_REMOTE: flag().default(false).meta({
    description:
      "Whether callers on other machines get development tokens as well. For a container " +
      "whose port is published on loopback only.",
  }),
  AUTH_DEV_TOKEN_TTL: integer(1, MAX_DEV_TOKEN_TTL).default(86_400).meta({
    description: "The life of a development token when the request does not set one.",
    unit: "s",
  }),
} as const;

/** The auth service's configuration. */
export type AuthConfig = z.infer<z.ZodObject<typeof AUTH_CONFIG>>;

/** The source of the keys that verify tokens. */
export type KeySource =
  | { kind: "secret"; secret: Uint8Array<ArrayBuffer> }
  | { kind: "public"; key: KeyObject }
  | { kind: "jwks"; url: URL };

/**
 * Checks the rules between the variables and returns the one key source that is set. Reads
 * AUTH_PUBLIC_KEY_FILE. It is synchronous, so that the service can fail before it listens or
 * connects.
 *
 * @throws {ConfigError} when no source or more than one is set, when the source does not fit the
 * algorithms, when the public key is unreadable or too weak, when development tokens are on without
 * a secret, and when the secret is {@link PUBLISHED_SECRET}. The message is one line that names the variable and never holds its value.
 */
export function keySourceOf(config: AuthConfig): KeySource {
  const given = SOURCES.filter((name) => config[name] !== undefined);
  const [source, second] = given;
  if (source === undefined) {
    throw new ConfigError(`AUTH_SECRET: must be set (or one of ${SOURCES.slice(1).join(", ")})`);
  }
  if (second !== undefined) {
    throw new ConfigError(`${second}: set only one source of keys; ${source} already is one`);
  }
  const algorithms = new Set(config.AUTH_ALGORITHMS);
  const symmetric = algorithms.has("HS256");
  if (symmetric && algorithms.size > 1) {
    throw new ConfigError(
      "AUTH_ALGORITHMS: HS256 cannot be combined with others, or a public key could serve as the secret",
    );
  }
  const isSecret = source === "AUTH_SECRET" || source === "AUTH_SECRET_FILE";
  if (symmetric !== isSecret) {
    throw new ConfigError(
      symmetric
        ? `AUTH_ALGORITHMS: ${source} holds public keys; set RS256, ES256 or EdDSA instead of HS256`
        : `AUTH_ALGORITHMS: ${source} is for HS256 only; other algorithms need a public key`,
    );
  }
  if (config.AUTH_DEV_TOKENS && !isSecret) {
    throw new ConfigError(
      `AUTH_DEV_TOKENS: ${source} only verifies tokens; to sign development tokens set AUTH_SECRET`,
    );
  }
  switch (source) {
    case "AUTH_SECRET_FILE":
      return { kind: "secret", secret: new TextEncoder().encode(secretOf(config)) };
    case "AUTH_SECRET":
      if (config.AUTH_SECRET === PUBLISHED_SECRET) {
        throw new ConfigError("AUTH_SECRET: set your own; this one is public");
      }
      return { kind: "secret", secret: new TextEncoder().encode(config.AUTH_SECRET) };
    case "AUTH_JWKS_URL":
      return { kind: "jwks", url: new URL(config.AUTH_JWKS_URL!) };
    default: {
      const [algorithm] = algorithms as Set<Algorithm>;
      if (algorithms.size > 1) {
        throw new ConfigError(`AUTH_ALGORITHMS: ${source} is one key, so set one algorithm`);
      }
      return { kind: "public", key: publicKey(source, pemOf(config), algorithm!) };
    }
  }
}

/** The secret in AUTH_SECRET_FILE. */
function secretOf(config: AuthConfig): string {
  let secret: string;
  try {
    secret = Deno.readTextFileSync(config.AUTH_SECRET_FILE!).replace(/\r?\n$/, "");
  } catch (error) {
    throw new ConfigError(`AUTH_SECRET_FILE: ${oneLine(errorText(error))}`);
  }
  if (new TextEncoder().encode(secret).length >= MIN_SECRET_BYTES) return secret;
  throw new ConfigError(`AUTH_SECRET_FILE: expected at least ${MIN_SECRET_BYTES} bytes`);
}

/** The text of the PEM. */
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

/** Parses a PEM and checks that its key fits `algorithm`. */
function publicKey(variable: string, pem: string, algorithm: Algorithm): KeyObject {
  // node:crypto also accepts a private key and derives its public half.
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
    throw new ConfigError(
      `${variable}: ${algorithm} needs a key of type ${needed}; this one is ${kind}`,
    );
  }
  if (kind === "rsa" && modulusLength < MIN_RSA_BITS) {
    throw new ConfigError(
      `${variable}: expected an RSA key of at least ${MIN_RSA_BITS} bits; this one has ${modulusLength}`,
    );
  }
  return key;
}

/** Parses the URL of a key set; null when it is not an allowed one. */
function jwksUrl(text: string): URL | null {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return null;
  const loopback = /^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  return url.protocol === "https:" || (url.protocol === "http:" && loopback) ? url : null;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
