/**
 * How a service of one's own is run: its variables and its permissions follow from its declaration.
 *
 * @module
 */
import * as z from "zod";
import {
  BASE_CONFIG,
  type Declaration,
  NATS_FILES,
  natsOptions,
  readConfig,
} from "../../kit/mod.ts";
import { type Environment, natsEnvironment } from "../environments.ts";
import { collectorHosts, natsHosts, TELEMETRY_VARIABLES_FLAG } from "../flags.ts";

/** Returns the names of the variables that a service reads. */
export function variablesOfOwn({ config }: Declaration): string[] {
  return [...Object.keys(BASE_CONFIG), ...Object.keys(config)].sort();
}

/** Returns the narrowest flags of `deno run` that a service with these variables works with. */
export function flagsOfOwn(
  declaration: Declaration,
  env: Record<string, string | undefined>,
): string[] {
  const listens = `${env.HOST ?? "127.0.0.1"}${env.PORT ? `:${env.PORT}` : ""}`;
  const reads = NATS_FILES.flatMap((name) => env[name] ? [env[name]] : []);
  return [
    "--no-prompt",
    `--allow-net=${
      [...new Set([listens, ...natsHosts(env), ...declaration.hosts, ...collectorHosts(env)])]
        .join(",")
    }`,
    `--allow-env=${[...variablesOfOwn(declaration), TELEMETRY_VARIABLES_FLAG].join(",")}`,
    "--ignore-env",
    ...reads.length > 0 ? [`--allow-read=${reads.join(",")}`] : [],
  ];
}

/** What the start command decides for a service of one's own. */
export interface OwnDecisions {
  /** The start command's own environment. */
  given: Environment;
  /** The environment of a service of Hopwire, for what all services have in common. */
  like: Environment;
  /** The folder with the keys of the users of NATS, unless the user brought the servers. */
  natsUsers: string | undefined;
  port: number;
}

/** Returns the variables of a service's telemetry. */
export function telemetryOf(environment: Environment): Record<string, string> {
  const entries = Object.entries(environment).filter(([name]) => name.startsWith("OTEL_"));
  return Object.fromEntries(entries) as Record<string, string>;
}

/** Returns the environment of a service of one's own. */
export function environmentOfOwn(
  declaration: Declaration,
  { given, like, natsUsers, port }: OwnDecisions,
): Environment {
  const own = [...Object.keys(declaration.config), "LOG_LEVEL", "TRACE_RATIO", "SLOW_MESSAGE_MS"];
  return {
    ...Object.fromEntries(own.filter((name) => given[name]).map((name) => [name, given[name]!])),
    LOG_FORMAT: like.LOG_FORMAT!,
    ...natsEnvironment(declaration.name, given, natsUsers),
    ...telemetryOf(like),
    OTEL_SERVICE_NAME: `hopwire-${declaration.name}`,
    NATS_URL: like.NATS_URL!,
    HOST: "127.0.0.1",
    PORT: String(port),
  };
}

/**
 * Checks the configuration of a service, so that an error is reported before anything is started.
 *
 * @throws {ConfigError} for the first invalid variable
 */
export function checkOwn({ name, config }: Declaration, environment: Environment): void {
  const read = readConfig(z.object({ ...BASE_CONFIG, ...config }), (key) => environment[key]);
  natsOptions(read as z.infer<z.ZodObject<typeof BASE_CONFIG>>, name);
}
