/**
 * The environment of each service: the variables that the user set for it, and those that the start
 * command decides.
 *
 * @module
 */
import * as z from "zod";
import { AUTH_CONFIG, keySourceOf } from "../auth/config.ts";
import { BASE_CONFIG, NATS_CONFIG, natsOptions, readConfig, readNamespaces } from "../kit/mod.ts";
import { apiKeysFile } from "./api_keys.ts";
import type { StartConfig } from "./config.ts";
import { SERVICE_CONFIGS, type ServiceName, SERVICES, variablesOf } from "./flags.ts";
import { seedFile } from "./nats_users.ts";
import { keptSecret } from "./private_files.ts";
import { telemetryEnvironment } from "./telemetry.ts";

/** The variables of a service. */
export type Environment = Record<string, string>;

/** What the start command decides for the services. */
export interface Decisions {
  natsUrl: string;
  /** The folder with the keys of the users of NATS, unless the user brought the servers. */
  natsUsers?: string;
  ports: Record<ServiceName, number>;
  /** The secret of development tokens, for when the user set no source of keys. */
  secret: string;
}

/** Returns the environment of each service. `given` is the start command's own environment. */
export function environmentsOf(
  config: StartConfig,
  given: Environment,
  { natsUrl, natsUsers, ports, secret }: Decisions,
): Record<ServiceName, Environment> {
  const keys = [
    "AUTH_SECRET",
    "AUTH_SECRET_FILE",
    "AUTH_PUBLIC_KEY",
    "AUTH_PUBLIC_KEY_FILE",
    "AUTH_JWKS_URL",
  ];
  const hasKeys = keys.some((name) => given[name]);
  const defaults: Record<ServiceName, Environment> = {
    monitor: {},
    auth: hasKeys ? {} : { AUTH_SECRET: secret, AUTH_DEV_TOKENS: "true" },
    persistence: { SQLITE_PATH: `${config.DATA_DIR}/archive.db` },
    rooms: {},
    api: { API_KEYS_FILE: apiKeysFile(config.DATA_DIR) },
    hooks: {},
    gateway: {
      REUSE_PORT: String(config.GATEWAYS > 1),
      DEMO: "true",
      DEMO_TOKEN_URL: `http://127.0.0.1:${ports.auth}/token`,
      ...given.WEBHOOKS_FILE ? { STATE_CONNECTIONS: "true" } : {},
      ...config.MONITOR ? { DEMO_MONITOR_URL: `http://127.0.0.1:${ports.monitor}/` } : {},
    },
  };
  const environmentOf = (service: ServiceName): Environment => ({
    LOG_FORMAT: "text",
    ...defaults[service],
    ...Object.fromEntries(
      variablesOf(service).filter((name) => given[name] && !(name in NATS_CONFIG))
        .map((name) => [name, given[name]!]),
    ),
    ...natsEnvironment(service, given, natsUsers),
    ...telemetryEnvironment(service, given, config.MONITOR ? ports.monitor : undefined),
    NATS_URL: natsUrl,
    // The others have no users there: auth's only route issues development tokens.
    HOST: service === "gateway" ? config.HOST : "127.0.0.1",
    PORT: String(ports[service]),
  });
  return {
    monitor: environmentOf("monitor"),
    auth: environmentOf("auth"),
    persistence: environmentOf("persistence"),
    rooms: environmentOf("rooms"),
    api: environmentOf("api"),
    hooks: environmentOf("hooks"),
    gateway: environmentOf("gateway"),
  };
}

/**
 * How a service connects to NATS: as its own user of our server, or as the user says. Children inherit our
 * variables, and an empty one counts as unset.
 */
export function natsEnvironment(
  service: string,
  given: Environment,
  natsUsers: string | undefined,
): Environment {
  const names = Object.keys(NATS_CONFIG);
  if (natsUsers === undefined) {
    const theirs = names.filter((name) => given[name]);
    return Object.fromEntries(
      theirs.map((name) => [name, given[name]!.replaceAll("{service}", service)]),
    );
  }
  return {
    ...Object.fromEntries(names.map((name) => [name, ""])),
    NATS_NKEY_FILE: seedFile(natsUsers, service),
  };
}

/** Whether a service is to run: webhooks only if there is a file of them. */
export function isWanted(
  service: ServiceName,
  environments: Record<ServiceName, Environment>,
): boolean {
  return service !== "hooks" || Boolean(environments.hooks.WEBHOOKS_FILE);
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
    if (!isWanted(service, environments)) continue;
    const env = (name: string) => environments[service][name];
    const config = readConfig(z.object({ ...BASE_CONFIG, ...SERVICE_CONFIGS[service] }), env);
    natsOptions(config as z.infer<z.ZodObject<typeof BASE_CONFIG>>, service);
    await readNamespaces(env("NAMESPACES_FILE"));
  }
  const { auth } = environments;
  keySourceOf(readConfig(z.object(AUTH_CONFIG), (name) => auth[name]));
}

/** Returns the secret that signs development tokens. It is kept, so that tokens survive a restart. */
export function developmentSecret(folder: string): Promise<string> {
  return keptSecret(`${folder}/dev-secret`);
}
