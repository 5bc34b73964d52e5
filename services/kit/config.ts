/**
 * Configuration from environment variables: one zod object whose keys are the names of the
 * variables. It reads only those variables, so a service needs `--allow-env` for them alone.
 *
 * A schema also documents its variable, in its zod metadata: `.meta({ description, unit })`, called
 * last. {@link describeVariable} reads it; `--help` of the start command and the configuration
 * reference in services/README.md are generated from it.
 *
 * @module
 */
import * as z from "zod";
import { variable } from "./runtime.ts";

/** A variable has an invalid value. The message is one line that starts with the variable's name. */
export class ConfigError extends Error {
  /** Tells this error apart from others. */
  override name = "ConfigError";
}

/** What the documentation says about a variable. */
export interface VariableInfo {
  /** The meaning of the variable, in one or two sentences. */
  description: string;
  /** The unit of a number: `ms`, `bytes`, `frames/s`. */
  unit?: string;
  /** The values that the schema accepts, in words. */
  range?: string;
  /** The default, as it would be written in the environment. */
  default?: string;
}

/** Accepts a whole number from `min` to `max`. */
export function integer(min: number, max: number): z.ZodType<number, string> {
  const message = `expected a whole number from ${min} to ${max}`;
  return z.string().regex(/^\d{1,15}$/, message).transform(Number).refine(
    (value) => value >= min && value <= max,
    message,
  ).meta({ range: `${min.toLocaleString("en")} to ${max.toLocaleString("en")}` });
}

/** Accepts a fraction from 0 to 1. */
export function ratio(): z.ZodType<number, string> {
  const message = "expected a number from 0 to 1";
  return z.string().regex(/^\d*\.?\d+$/, message).transform(Number).refine(
    (value) => value <= 1,
    message,
  ).meta({ range: "0 to 1" });
}

/** Accepts `true` or `false`, also written `1` or `0`. */
export function flag(): z.ZodType<boolean, string> {
  return z.enum(["true", "false", "1", "0"], 'expected "true" or "false"')
    .transform((value) => value === "true" || value === "1")
    .meta({ range: "true, false" });
}

/** Accepts a comma-separated list. Spaces around the parts and empty parts are dropped. */
export function list(): z.ZodType<string[], string> {
  return z.string()
    .transform((text) => text.split(",").map((part) => part.trim()).filter(Boolean))
    .meta({ range: "comma-separated" });
}

/** Accepts a TCP port. With 0 the system chooses a free port. */
export const port = (): z.ZodType<number, string> => integer(0, 65_535);

/**
 * Reads and validates the variables that `schema` names. An empty variable counts as unset.
 *
 * @throws {ConfigError} when a variable is missing or invalid. The message is one line and never
 * holds the value of a variable that may be a secret.
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
  env: (name: string) => string | undefined = variable,
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
  const value = values[name];
  if (value === undefined) {
    const message = issue.code === "invalid_type" ? "must be set" : issue.message;
    throw new ConfigError(`${name}: ${message}`);
  }
  throw new ConfigError(`${name}: ${issue.message}${rejectedValue(name, value)}`);
}

/** The rejected value for an error message; empty when it may hold a secret. */
function rejectedValue(name: string, value: string): string {
  // By name rather than by metadata: a variable whose author forgot to mark it must not leak.
  if (/SECRET|PASSWORD|TOKEN|KEY|URL/.test(name)) return "";
  if (/:\/\/[^/\s]*@/.test(value)) return "";
  return ` (got ${JSON.stringify(value.slice(0, 80))})`;
}

/**
 * Returns what a schema says about its variable. The outermost metadata wins; range and default
 * come from the schema itself.
 *
 * @example
 * ```ts
 * import { describeVariable, integer } from "./config.ts";
 * import assert from "node:assert/strict";
 * const schema = integer(1, 2_000).default(3).meta({ description: "How fast.", unit: "m/s" });
 * assert.deepEqual(describeVariable(schema), {
 *   description: "How fast.",
 *   unit: "m/s",
 *   range: "1 to 2,000",
 *   default: "3",
 * });
 * ```
 */
export function describeVariable(schema: z.core.$ZodType): VariableInfo {
  let info: Partial<VariableInfo> = {};
  for (let layer: z.core.$ZodType | undefined = schema; layer !== undefined; layer = inner(layer)) {
    const { description, unit, range } = z.globalRegistry.get(layer) ?? {};
    const found = { description, unit, range: range ?? options(layer), default: preset(layer) };
    const set = Object.entries(found).filter(([, value]) => typeof value === "string" && value);
    info = { ...Object.fromEntries(set), ...info };
  }
  return { description: "", ...info };
}

type SomeDef = z.core.$ZodTypeDef & {
  innerType?: z.core.$ZodType;
  in?: z.core.$ZodType;
  defaultValue?: unknown;
  entries?: Record<string, string>;
};

/** The schema that a default, an optional or a transformation wraps. */
function inner(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  const def = schema._zod.def as SomeDef;
  return def.innerType ?? def.in;
}

function preset(schema: z.core.$ZodType): string | undefined {
  const { type, defaultValue } = schema._zod.def as SomeDef;
  return type === "default" ? String(defaultValue) : undefined;
}

function options(schema: z.core.$ZodType): string | undefined {
  const { type, entries } = schema._zod.def as SomeDef;
  return type === "enum" ? Object.values(entries!).join(", ") : undefined;
}
