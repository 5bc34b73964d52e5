/**
 * The permissions of each service: the narrowest flags of `deno run` that it works with, and the
 * variables that it reads. compose.yaml has the same flags; a test compares the two.
 *
 * @module
 */
import type * as z from "zod";
import { API_CONFIG } from "../api/config.ts";
import { AUTH_CONFIG } from "../auth/config.ts";
import { GATEWAY_CONFIG } from "../gateway/config.ts";
import { HOOKS_CONFIG } from "../hooks/config.ts";
import { BASE_CONFIG, NATS_FILES, natsUrl } from "../kit/mod.ts";
import { MONITOR_CONFIG } from "../monitor/config.ts";
import { PERSISTENCE_CONFIG } from "../persistence/config.ts";
import { ROOMS_CONFIG } from "../rooms/config.ts";

/** The services, in the order in which the start command starts them; they stop in the opposite one. */
export const SERVICES = [
  "monitor",
  "auth",
  "persistence",
  "rooms",
  "api",
  "hooks",
  "gateway",
] as const;
/** The name of a service. */
export type ServiceName = typeof SERVICES[number];

/** The schemas of each service's own variables. */
export const SERVICE_CONFIGS: Record<ServiceName, z.ZodRawShape> = {
  monitor: MONITOR_CONFIG,
  auth: AUTH_CONFIG,
  persistence: PERSISTENCE_CONFIG,
  rooms: ROOMS_CONFIG,
  api: API_CONFIG,
  hooks: HOOKS_CONFIG,
  gateway: GATEWAY_CONFIG,
};

/** Returns the names of the variables that a service reads. */
export function variablesOf(service: ServiceName): string[] {
  return [...new Set([...Object.keys(BASE_CONFIG), ...Object.keys(SERVICE_CONFIGS[service])])]
    .sort();
}

/**
 * Services collect garbage themselves when they are idle: kit/idle_collection.ts. They do so on one
 * thread: one gateway uses one core, and V8's own threads would take the cores of its neighbours, or, where
 * all share one core, its own. There a collection in auth or rooms then delayed messages by 90 ms (p99 of
 * three seconds of load), and by 25 ms with one thread.
 */
const IDLE_FLAGS = "--expose-gc,--no-memory-reducer,--single-threaded-gc";

const V8_FLAGS: Partial<Record<ServiceName, string>> = {
  // A limit on V8's young generation, which is twice as large by default and fills with the garbage of
  // tens of thousands of connections. 4 MB would save half a kilobyte a connection (8.8 KB instead of
  // 9.3, with 10,000 idle ones) but cost 5 % more CPU for a message to small rooms.
  gateway: `--max-semi-space-size=16,${IDLE_FLAGS}`,
};

/** Returns the flags of `deno run` for a service with these variables. */
export function flagsOf(service: ServiceName, env: Record<string, string | undefined>): string[] {
  const flags = [
    "--no-prompt",
    // Endpoints of webhooks are anywhere, and others every time their file changes.
    service === "hooks" ? "--allow-net" : `--allow-net=${hostsOf(service, env).join(",")}`,
    `--allow-env=${[...variablesOf(service), TELEMETRY_VARIABLES_FLAG].join(",")}`,
    // Libraries read variables of their own (WS_NO_BUFFER_UTIL, PG...). They find them unset.
    "--ignore-env",
  ];
  flags.push(`--v8-flags=${V8_FLAGS[service] ?? IDLE_FLAGS}`);
  const reads = readsOf(service, env);
  if (reads.length > 0) flags.push(`--allow-read=${reads.join(",")}`);
  const writes = writesOf(service, env);
  if (writes.length > 0) flags.push(`--allow-write=${writes.join(",")}`);
  return flags;
}

/** The addresses that a service listens on and connects to, in the form of `--allow-net`. */
function hostsOf(service: ServiceName, env: Record<string, string | undefined>): string[] {
  const hosts: (string | null)[] = [
    `${env.HOST ?? "127.0.0.1"}${env.PORT ? `:${env.PORT}` : ""}`,
    ...natsHosts(env),
  ];
  if (service === "gateway" && env.TLS_REDIRECT_PORT) {
    hosts.push(`${env.HOST ?? "127.0.0.1"}:${env.TLS_REDIRECT_PORT}`);
  }
  if (service === "gateway" && env.HEALTH_PORT) {
    hosts.push(`${env.HOST ?? "127.0.0.1"}:${env.HEALTH_PORT}`);
  }
  if (service === "auth") hosts.push(hostOfUrl(env.AUTH_JWKS_URL));
  if (service === "persistence") hosts.push(hostOfUrl(env.DATABASE_URL, "5432"));
  if (service === "monitor") hosts.push(hostOfUrl(env.MONITOR_FORWARD_URL));
  hosts.push(...collectorHosts(env));
  return [...new Set(hosts.filter((host) => host !== null))];
}

/** The variables that Deno reads by itself for its telemetry, and a service for what it exports itself. */
export const TELEMETRY_VARIABLES_FLAG = "OTEL_*";

/** The addresses of the collectors to which a service itself exports histograms and spans. */
export function collectorHosts(env: Record<string, string | undefined>): string[] {
  const hosts = ["METRICS", "TRACES"].map((signal) =>
    hostOfUrl(env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] || env.OTEL_EXPORTER_OTLP_ENDPOINT)
  );
  return [...new Set(hosts.filter((host) => host !== null))];
}

/** The addresses of the NATS servers. */
export function natsHosts(env: Record<string, string | undefined>): string[] {
  return (env.NATS_URL ?? "nats://127.0.0.1:4222").split(",").flatMap((part) => {
    const url = natsUrl(part.trim());
    return url === null ? [] : [`${url.hostname}:${url.port || 4222}`];
  });
}

function hostOfUrl(text: string | undefined, port?: string): string | null {
  const url = text === undefined ? null : URL.parse(text);
  if (url === null || url.hostname === "") return null;
  const given = url.port || port || (url.protocol === "http:" ? "80" : "443");
  return `${url.hostname}:${given}`;
}

function readsOf(service: ServiceName, env: Record<string, string | undefined>): string[] {
  const reads = service === "gateway"
    ? ["services/gateway/demo", "services/contract/generated"]
    : [];
  if (service === "monitor") reads.push("services/monitor/page");
  if (service === "gateway") {
    for (const name of ["TLS_CERT_FILE", "TLS_KEY_FILE"]) if (env[name]) reads.push(env[name]);
  }
  if (service === "persistence") {
    reads.push(...writesOf(service, env));
    if (env.DATABASE_PASSWORD_FILE) reads.push(env.DATABASE_PASSWORD_FILE);
  }
  if (["monitor", "rooms", "persistence", "api"].includes(service) && env.NAMESPACES_FILE) {
    reads.push(env.NAMESPACES_FILE);
  }
  if (service === "api" && env.API_KEYS_FILE) reads.push(env.API_KEYS_FILE);
  if (service === "hooks" && env.WEBHOOKS_FILE) reads.push(env.WEBHOOKS_FILE);
  if (service === "auth") {
    for (const name of ["AUTH_PUBLIC_KEY_FILE", "AUTH_SECRET_FILE"]) {
      if (env[name]) reads.push(env[name]);
    }
  }
  for (const name of NATS_FILES) if (env[name]) reads.push(env[name]);
  return reads;
}

function writesOf(service: ServiceName, env: Record<string, string | undefined>): string[] {
  if (service === "gateway" && env.HEALTH_PORT_FILE) return [env.HEALTH_PORT_FILE];
  if (service !== "persistence" || env.DATABASE_URL) return [];
  const path = env.SQLITE_PATH ?? ".data/archive.db";
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".";
  return [folder];
}
