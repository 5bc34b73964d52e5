/**
 * What the npm package of the kit exports: for services that live outside of this repository.
 *
 * @module
 */
import type { Declaration } from "../app/declaration.ts";

export * from "../app/mod.ts";
export { type Bus } from "../bus.ts";
export { ConfigError, flag, integer, list, port, ratio } from "../config.ts";
export { publish, serve, subscribe } from "../endpoints.ts";
export { FaultError, faultOf } from "../fault_error.ts";
export type { Health } from "../health.ts";
export type { Context } from "../hop.ts";
export type { Logger } from "../log.ts";
export { request } from "../requests.ts";
export type { Stored } from "../stream_publisher.ts";
export * from "../../contract/mod.ts";

/**
 * Returns the entry of NATS_SERVICES that gives a service its user of NATS, with the rights that it declares.
 *
 * @example
 * ```ts
 * import { declareService } from "../app/declaration.ts";
 * import { natsServiceOf } from "./mod.ts";
 * import assert from "node:assert/strict";
 * const dice = declareService({ name: "dice", description: "Rolls.", needs: ["calls", "post"] });
 * assert.equal(natsServiceOf(dice), "dice=calls+post");
 * ```
 */
export function natsServiceOf({ name, needs }: Pick<Declaration, "name" | "needs">): string {
  return `${name}=${needs.join("+")}`;
}
