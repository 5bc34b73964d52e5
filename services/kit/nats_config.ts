/**
 * The variables by which a service connects to NATS, and the options of the client library that
 * follow from them. Every service has these variables, so every one may use any kind of credentials.
 *
 * @module
 */
import {
  credsAuthenticator,
  nkeyAuthenticator,
  nkeys,
  type NodeConnectionOptions,
} from "@nats-io/transport-node";
import * as z from "zod";
import { inboxPrefix } from "../contract/mod.ts";
import { ConfigError } from "./config.ts";
import { errorText } from "./log.ts";
import { readText } from "./runtime.ts";

/** Parses one NATS URL; the scheme may be missing. Returns null when the text is not a NATS URL. */
export function natsUrl(text: string): URL | null {
  const url = URL.parse(text.includes("://") ? text : `nats://${text}`);
  if (url === null || !/^(nats|tls):$/.test(url.protocol) || url.hostname === "") return null;
  return url;
}

const file = (description: string) => z.string().optional().meta({ description, range: "a path" });

/** The variables, for the schema of each service. */
export const NATS_CONFIG = {
  NATS_URL: z.string().default("nats://127.0.0.1:4222").refine(
    (text) => text.split(",").every((part) => natsUrl(part.trim()) !== null),
    "expected nats://host:port (or tls://, several separated by commas)",
  ).meta({
    description: "The NATS servers. The first URL may carry `user:password@` or `token@`.",
    range: "comma-separated nats:// or tls:// URLs",
  }),
  NATS_USER: z.string().optional().meta({
    description: "The user of NATS, with `NATS_PASSWORD` or `NATS_PASSWORD_FILE`.",
    range: "text",
  }),
  NATS_PASSWORD: z.string().optional().meta({
    description: "The password of `NATS_USER`.",
    range: "text",
  }),
  NATS_PASSWORD_FILE: file("A file with the password of `NATS_USER`."),
  NATS_NKEY_FILE: file("A file with the seed of the user's nkey, instead of a password."),
  NATS_CREDS_FILE: file("A credentials file of the user, as `nsc` writes it."),
  NATS_TLS_CA: file("A PEM file with the certificates that may sign the server's. Implies TLS."),
  NATS_TLS_CERT: file("A PEM file with the service's own certificate. Implies TLS."),
  NATS_TLS_KEY: file("A PEM file with the key of that certificate."),
  NATS_INBOX_PREFIX: z.string().regex(
    /^_INBOX[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/,
    "expected a subject that begins with _INBOX",
  ).optional().meta({
    description: "What the subjects begin with on which the service gets replies. By default " +
      "`_INBOX.` and the name of the service.",
    range: "a subject that begins with _INBOX",
  }),
} as const;

/** The values of {@link NATS_CONFIG}. */
export type NatsConfig = z.infer<z.ZodObject<typeof NATS_CONFIG>>;

/** The variables of {@link NATS_CONFIG} that name a file. */
export const NATS_FILES: readonly (keyof NatsConfig)[] = [
  "NATS_PASSWORD_FILE",
  "NATS_NKEY_FILE",
  "NATS_CREDS_FILE",
  "NATS_TLS_CA",
  "NATS_TLS_CERT",
  "NATS_TLS_KEY",
];

/** How a service connects: the servers, and what they ask of it. */
export type NatsOptions = Pick<
  NodeConnectionOptions,
  "servers" | "user" | "pass" | "token" | "authenticator" | "tls" | "inboxPrefix"
>;

/**
 * Returns the options that the configuration asks for; `name` is the service's. Reads the files.
 *
 * @throws {ConfigError} if a file is unreadable or holds something else, or two kinds of credentials
 * are given. The message is one line that names the variable and holds no secret.
 */
export function natsOptions(config: NatsConfig, name: string): NatsOptions {
  const urls = config.NATS_URL.split(",").map((part) => natsUrl(part.trim())!);
  const tls = tlsOptions(config) ?? (urls[0]!.protocol === "tls:" ? {} : undefined);
  return {
    servers: urls.map((url) => `${url.hostname}:${url.port || 4222}`),
    inboxPrefix: config.NATS_INBOX_PREFIX ?? inboxPrefix(name),
    ...(tls === undefined ? {} : { tls }),
    ...credentials(config, urls[0]!),
  };
}

function credentials(config: NatsConfig, url: URL): NatsOptions {
  const given = (["NATS_USER", "NATS_NKEY_FILE", "NATS_CREDS_FILE"] as const)
    .filter((name) => config[name] !== undefined);
  const [kind, second] = given;
  if (second !== undefined) {
    throw new ConfigError(`${second}: set only one kind of credentials; ${kind} already is one`);
  }
  if (kind !== "NATS_USER") {
    for (const name of ["NATS_PASSWORD", "NATS_PASSWORD_FILE"] as const) {
      if (config[name] !== undefined) throw new ConfigError(`${name}: needs NATS_USER`);
    }
  }
  switch (kind) {
    case "NATS_USER":
      return { user: config.NATS_USER!, pass: passwordOf(config) };
    case "NATS_NKEY_FILE": {
      const seed = new TextEncoder().encode(readFile(config, kind).trim());
      try {
        nkeys.fromSeed(seed);
      } catch {
        throw new ConfigError(`${kind}: expected a file with the seed of an nkey, SU...`);
      }
      return { authenticator: nkeyAuthenticator(seed) };
    }
    case "NATS_CREDS_FILE": {
      const text = readFile(config, kind);
      if (!/BEGIN NATS USER JWT[\s\S]*BEGIN USER NKEY SEED/.test(text)) {
        throw new ConfigError(`${kind}: expected a file with a NATS USER JWT and a USER NKEY SEED`);
      }
      return { authenticator: credsAuthenticator(new TextEncoder().encode(text)) };
    }
    default: {
      const [user, password] = [url.username, url.password].map(decodeURIComponent);
      return password ? { user, pass: password } : user ? { token: user } : {};
    }
  }
}

function passwordOf(config: NatsConfig): string {
  const { NATS_PASSWORD: password, NATS_PASSWORD_FILE: file } = config;
  if (password !== undefined && file !== undefined) {
    throw new ConfigError("NATS_PASSWORD_FILE: NATS_PASSWORD already is the password");
  }
  if (password !== undefined) return password;
  if (file === undefined) {
    throw new ConfigError("NATS_USER: needs NATS_PASSWORD or NATS_PASSWORD_FILE");
  }
  return readFile(config, "NATS_PASSWORD_FILE").replace(/\r?\n$/, "");
}

function tlsOptions(config: NatsConfig): NatsOptions["tls"] | undefined {
  const { NATS_TLS_CA: ca, NATS_TLS_CERT: cert, NATS_TLS_KEY: key } = config;
  if (key === undefined && cert !== undefined) {
    throw new ConfigError("NATS_TLS_CERT: needs NATS_TLS_KEY");
  }
  if (cert === undefined && key !== undefined) {
    throw new ConfigError("NATS_TLS_KEY: needs NATS_TLS_CERT");
  }
  if (ca === undefined && cert === undefined) return undefined;
  return {
    ...(ca === undefined ? {} : { ca: readFile(config, "NATS_TLS_CA") }),
    ...(cert === undefined ? {} : {
      cert: readFile(config, "NATS_TLS_CERT"),
      key: readFile(config, "NATS_TLS_KEY"),
    }),
  };
}

function readFile(config: NatsConfig, variable: keyof NatsConfig): string {
  const path = config[variable]!;
  try {
    const text = readText(path);
    if (text.trim() !== "") return text;
  } catch (error) {
    throw new ConfigError(`${variable}: cannot read ${path}: ${errorText(error)}`);
  }
  throw new ConfigError(`${variable}: ${path} is empty`);
}
