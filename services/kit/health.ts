/**
 * Health routes for any service: `/healthz` (liveness) and `/readyz` (readiness).
 *
 * @module
 */
import type { Hono } from "hono";
import type { Healthy, NotReady } from "../contract/mod.ts";

/** The conditions for a service to be ready. */
export interface Health {
  /** Adds a condition. `/readyz` lists `name` while `holds` returns false. */
  require(name: string, holds: () => boolean): void;
  /** Returns the names of the conditions that do not hold now. */
  missing(): string[];
}

/** Creates the readiness conditions of one service, initially none. */
export function createHealth(): Health {
  const conditions: { name: string; holds: () => boolean }[] = [];
  return {
    require: (name, holds) => void conditions.push({ name, holds }),
    missing: () => conditions.filter(({ holds }) => !holds()).map(({ name }) => name),
  };
}

/**
 * Adds the two routes. Both answer 200 `{"status":"ok"}`. `/readyz` answers 503 with the names of
 * the missing conditions while the service is not ready.
 */
export function addHealthRoutes(app: Hono, health: Health): void {
  app.get("/healthz", (c) => c.json({ status: "ok" } satisfies Healthy));
  app.get("/readyz", (c) => {
    const missing = health.missing();
    return missing.length === 0
      ? c.json({ status: "ok" } satisfies Healthy)
      : c.json({ status: "not ready", missing } satisfies NotReady, 503);
  });
}
