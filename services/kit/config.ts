/**
 * Configuration from the environment: one zod object whose keys are the variables' names. Reads
 * only those variables, so a service needs `--allow-env` for them alone.
 *
 * @module
 */
import * as z from "zod";

/** A variable is wrong. Its message is one line that names the variable. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

/** A whole number from the environment, within bounds. */
export function integer(min: number, max: number): z.ZodType<number, string> {
  const message = `expected a whole number from ${min} to ${max}`;
  return z.string().regex(/^\d{1,15}$/, message).transform(Number).refine(
    (value) => value >= min && value <= max,
    message,
  );
}

/** A part of a whole, 0 to 1, from the environment. */
export function ratio(): z.ZodType<number, string> {
  const message = "expected a number from 0 to 1";
  return z.string().regex(/^\d*\.?\d+$/, message).transform(Number).refine(
    (value) => value <= 1,
    message,
  );
}

/** `true`/`false` (also `1`/`0`) from the environment. */
export function flag(): z.ZodType<boolean, string> {
  return z.enum(["true", "false", "1", "0"], 'expected "true" or "false"')
    .transform((value) => value === "true" || value === "1");
}

/** A list separated by commas; blanks around the parts are dropped. */
export function list(): z.ZodType<string[], string> {
  return z.string().transform((text) => text.split(",").map((part) => part.trim()).filter(Boolean));
}

/** A TCP port; 0 lets the system choose. */
export const port = (): z.ZodType<number, string> => integer(0, 65_535);

/** Variables that every service has. */
export const BASE_CONFIG = {
  /** Where NATS is: one URL, or several separated by commas. May carry `user:password@` or `token@`. */
  NATS_URL: z.string().default("nats://127.0.0.1:4222").refine(
    (text) => text.split(",").every((part) => natsUrl(part.trim()) !== null),
    "expected nats://host:port (or tls://, several separated by commas)",
  ),
  /** The address to listen on. */
  HOST: z.string().default("127.0.0.1"),
  /** The port of this service's HTTP (health at least). */
  PORT: port().default(0),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
  LOG_FORMAT: z.enum(["json", "text"]).default("json"),
  /** The part of the traces that begin here which is recorded, 0 to 1; see {@link setTraceRatio}. */
  TRACE_RATIO: ratio().default(1),
} as const;

/** Parses one NATS URL; null where it is none. */
export function natsUrl(text: string): URL | null {
  const url = URL.parse(text.includes("://") ? text : `nats://${text}`);
  if (url === null || !/^(nats|tls):$/.test(url.protocol) || url.hostname === "") return null;
  return url;
}

/**
 * Reads and validates the variables that `schema` names. A variable that is set to nothing counts
 * as not set.
 *
 * @throws {ConfigError} when a variable is missing or wrong; the message is one line.
 *
 * @example
 * ```ts
 * import { readConfig, integer } from "./config.ts";
 * import * as z from "zod";
 * import assert from "node:assert/strict";
 * const schema = z.object({ SPEED: integer(1, 9).default(3) });
 * assert.equal(readConfig(schema, () => undefined).SPEED, 3);
 * assert.throws(() => readConfig(schema, () => "fast"), /SPEED: expected a whole number from 1 to 9/);
 * ```
 */
export function readConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): z.infer<z.ZodObject<Shape>> {
  const values: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    const value = env(name);
    if (value !== undefined && value !== "") values[name] = value;
  }
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const name = String(issue.path[0] ?? "configuration");
  const what = values[name] === undefined && issue.code === "invalid_type"
    ? "must be set"
    : issue.message;
  throw new ConfigError(`${name}: ${what}${values[name] === undefined ? "" : shown(name, values)}`);
}

/** The refused value, unless the variable's name says that it is a secret. */
function shown(name: string, values: Record<string, string>): string {
  if (/SECRET|PASSWORD|TOKEN|KEY|URL/.test(name)) return "";
  return ` (got ${JSON.stringify(values[name]!.slice(0, 80))})`;
}
