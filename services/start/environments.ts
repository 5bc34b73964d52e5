/**
 * The environment of each service: the variables that the user set for it, and those that the start
 * command decides.
 *
 * @module
 */
import * as z from "zod";
import { AUTH_CONFIG, keySourceOf } from "../auth/config.ts";
import { BASE_CONFIG, readConfig, readNamespaces } from "../kit/mod.ts";
import type { StartConfig } from "./config.ts";
import { SERVICE_CONFIGS, type ServiceName, SERVICES, variablesOf } from "./flags.ts";
import { reachableHost } from "./ports.ts";
import { telemetryEnvironment } from "./telemetry.ts";

/** The variables of a service. */
export type Environment = Record<string, string>;

/** What the start command decides for the services. */
export interface Decisions {
  natsUrl: string;
  ports: Record<ServiceName, number>;
  /** The secret of development tokens, for when the user set no source of keys. */
  secret: string;
}

/** Returns the environment of each service. `given` is the start command's own environment. */
export function environmentsOf(
  config: StartConfig,
  given: Environment,
  { natsUrl, ports, secret }: Decisions,
): Record<ServiceName, Environment> {
  const keys = ["AUTH_SECRET", "AUTH_PUBLIC_KEY", "AUTH_PUBLIC_KEY_FILE", "AUTH_JWKS_URL"];
  const hasKeys = keys.some((name) => given[name]);
  const defaults: Record<ServiceName, Environment> = {
    auth: hasKeys ? {} : { AUTH_SECRET: secret, AUTH_DEV_TOKENS: "true" },
    persistence: { SQLITE_PATH: `${config.DATA_DIR}/archive.db` },
    rooms: {},
    gateway: {
      REUSE_PORT: String(config.GATEWAYS > 1),
      DEMO: "true",
      DEMO_TOKEN_URL: `http://${reachableHost(config.HOST)}:${ports.auth}/token`,
    },
  };
  const environmentOf = (service: ServiceName): Environment => ({
    LOG_FORMAT: "text",
    ...defaults[service],
    ...Object.fromEntries(
      variablesOf(service).filter((name) => given[name]).map((name) => [name, given[name]!]),
    ),
    ...telemetryEnvironment(given),
    OTEL_SERVICE_NAME: `hopwire-${service}`,
    NATS_URL: natsUrl,
    HOST: service === "gateway" || service === "auth" ? config.HOST : "127.0.0.1",
    PORT: String(ports[service]),
  });
  return {
    auth: environmentOf("auth"),
    persistence: environmentOf("persistence"),
    rooms: environmentOf("rooms"),
    gateway: environmentOf("gateway"),
  };
}

/**
 * Checks the configuration of every service, so that an error is reported once and before anything
 * is started.
 *
 * @throws {ConfigError} for the first invalid variable
 */
export async function checkEnvironments(
  environments: Record<ServiceName, Environment>,
): Promise<void> {
  for (const service of SERVICES) {
    const env = (name: string) => environments[service][name];
    readConfig(z.object({ ...BASE_CONFIG, ...SERVICE_CONFIGS[service] }), env);
    await readNamespaces(env("NAMESPACES_FILE"));
  }
  const { auth } = environments;
  keySourceOf(readConfig(z.object(AUTH_CONFIG), (name) => auth[name]));
}

/** Returns the secret that signs development tokens. It is kept, so that tokens survive a restart. */
export async function developmentSecret(folder: string): Promise<string> {
  const file = `${folder}/dev-secret`;
  try {
    const kept = (await Deno.readTextFile(file)).trim();
    if (kept.length >= 32) return kept;
  } catch {
    // This is the first run.
  }
  const secret = crypto.getRandomValues(new Uint8Array(32)).toHex();
  await Deno.writeTextFile(file, secret + "\n", { mode: 0o600 });
  return secret;
}
