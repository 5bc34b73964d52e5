/**
 * The rules of rooms as this instance has them, and the name of their version.
 *
 * @module
 */
import { hash } from "node:crypto";
import type { Namespace } from "../contract/mod.ts";

/** Rules and their version. */
export interface Rules {
  namespaces: readonly Namespace[];
  /** Equal rules have equal versions, whichever instance has them. */
  version: string;
}

/** Makes the rules of namespaces. */
export function rulesOf(namespaces: readonly Namespace[]): Rules {
  const version = hash("sha256", JSON.stringify(namespaces), "base64url").slice(0, 16);
  return { namespaces, version };
}
