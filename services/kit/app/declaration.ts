/**
 * What a service of one's own says about itself: its name, what it needs, its variables. From this follow
 * its user of NATS, the flags with which it runs, and its entry in compose.yaml. Pure data, so that the
 * start command can read it without running the service.
 *
 * @module
 */
import type * as z from "zod";
import {
  BUS_USERS,
  isServiceNeed,
  SERVICE_NAME,
  SERVICE_NEEDS,
  type ServiceNeed,
} from "../../contract/mod.ts";
import { BASE_CONFIG } from "../base_config.ts";
import { ConfigError } from "../config.ts";

/** Names that no service of one's own may have: folders of services/, and users of NATS. */
export const RESERVED_NAMES: readonly string[] = [
  ...BUS_USERS,
  "api",
  "contract",
  "hooks",
  "hopwire",
  "kit",
  "monitor",
  "nats",
  "services",
  "start",
];

/** An address as `--allow-net` takes it. */
const HOST = /^[A-Za-z0-9.-]+(?::\d{1,5})?$|^\[[0-9a-f:]+\](?::\d{1,5})?$/;

/** A service's own description of itself. */
export interface Declaration<Shape extends z.ZodRawShape = z.ZodRawShape> {
  /** Its name: that of its folder, its user of NATS and its calls. `a-z 0-9 _ -`, 32 at most. */
  name: string;
  /** What it does, in one sentence. `nats micro info` shows it. */
  description: string;
  /** What it may do on the bus, and nothing else. */
  needs: readonly ServiceNeed[];
  /** Its own variables, beside those of every service. */
  config: Shape;
  /** The addresses that it connects to, beside NATS: `api.example.com:443`. */
  hosts: readonly string[];
}

/** What {@link declareService} takes. */
export type DeclarationOptions<Shape extends z.ZodRawShape> =
  & Pick<Declaration, "name" | "description" | "needs">
  & Partial<Pick<Declaration<Shape>, "config" | "hosts">>;

/**
 * Declares a service.
 *
 * @throws {ConfigError} if something in it is wrong; the message is one line and names it
 *
 * @example
 * ```ts
 * import { declareService } from "./declaration.ts";
 * import assert from "node:assert/strict";
 * const greeter = declareService({
 *   name: "greeter",
 *   description: "Greets whoever calls it.",
 *   needs: ["calls"],
 * });
 * assert.deepEqual(greeter.hosts, []);
 * assert.throws(() => declareService({ ...greeter, name: "gateway" }), /name: "gateway" is taken/);
 * ```
 */
export function declareService<Shape extends z.ZodRawShape = Record<never, never>>(
  options: DeclarationOptions<Shape>,
): Declaration<Shape> {
  const declaration = { config: {} as Shape, hosts: [], ...options };
  checkDeclaration(declaration);
  return declaration;
}

/**
 * Checks a declaration that may be anything.
 *
 * @throws {ConfigError} if something in it is wrong; the message is one line and names it
 */
export function checkDeclaration(value: unknown): asserts value is Declaration {
  if (typeof value !== "object" || value === null) {
    throw new ConfigError("expected what declareService returns");
  }
  const { name, description, needs, config, hosts } = value as Record<string, unknown>;
  checkName(name);
  if (typeof description !== "string" || description.trim() === "" || /[\r\n]/.test(description)) {
    throw new ConfigError("description: expected one line that says what the service does");
  }
  if (!Array.isArray(needs)) throw new ConfigError("needs: expected a list");
  for (const need of needs) {
    if (typeof need === "string" && isServiceNeed(need)) continue;
    const known = Object.keys(SERVICE_NEEDS).join(", ");
    throw new ConfigError(`needs: there is no ${JSON.stringify(need)}, but ${known}`);
  }
  if (typeof config !== "object" || config === null) {
    throw new ConfigError("config: expected schemas of variables by their names");
  }
  for (const [variable, schema] of Object.entries(config)) {
    if (!/^[A-Z][A-Z0-9_]*$/.test(variable)) {
      throw new ConfigError(`config: ${JSON.stringify(variable)} is no name of a variable`);
    }
    if (Object.hasOwn(BASE_CONFIG, variable) || variable.startsWith("OTEL_")) {
      throw new ConfigError(`config: every service has ${variable} already`);
    }
    if (typeof (schema as { safeParse?: unknown } | null)?.safeParse !== "function") {
      throw new ConfigError(`config: ${variable} is no schema of zod`);
    }
  }
  if (!Array.isArray(hosts) || !hosts.every((host) => typeof host === "string")) {
    throw new ConfigError("hosts: expected a list of addresses");
  }
  const wrong = hosts.find((host) => !HOST.test(host));
  if (wrong !== undefined) {
    throw new ConfigError(`hosts: expected host:port (got ${JSON.stringify(wrong)})`);
  }
}

/**
 * Checks the name of a service of one's own.
 *
 * @throws {ConfigError} if it is invalid or taken
 */
export function checkName(name: unknown): asserts name is string {
  if (typeof name !== "string" || !SERVICE_NAME.test(name)) {
    const what = "expected a-z 0-9 _ -, beginning with a letter, 32 at most";
    throw new ConfigError(`name: ${what} (got ${JSON.stringify(name)})`);
  }
  if (RESERVED_NAMES.includes(name)) throw new ConfigError(`name: "${name}" is taken`);
}
