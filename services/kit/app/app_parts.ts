/**
 * What the parts of an app share.
 *
 * @module
 */
import type { ServiceNeed } from "../../contract/mod.ts";
import { ConfigError } from "../config.ts";
import type { Bus } from "../bus.ts";
import type { Health } from "../health.ts";
import type { Logger } from "../log.ts";
import type { Declaration } from "./declaration.ts";
import type { Grants } from "./grants.ts";
import type { Handlers } from "./handlers.ts";

/** What the parts of an app share. */
export interface AppParts {
  declaration: Declaration;
  bus: Bus;
  log: Logger;
  health: Health;
  handlers: Handlers;
  grants: Grants;
  onDrain(step: () => void | Promise<void>): void;
}

/**
 * Requires that a service has declared what it uses.
 *
 * @throws {ConfigError} if it has not
 */
export function requireNeed({ declaration }: AppParts, need: ServiceNeed, what: string): void {
  if (declaration.needs.includes(need)) return;
  throw new ConfigError(
    `${declaration.name}: ${what} takes "${need}" in the needs of its declaration`,
  );
}

/** How long a part that stops waits for what is being done, milliseconds: a drain may take 10 s in all. */
export const DRAIN_MS = 7_000;
