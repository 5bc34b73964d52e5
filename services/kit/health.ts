/**
 * `/healthz` (the process runs) and `/readyz` (it can do its work) for any service.
 *
 * @module
 */
import type { Hono } from "hono";

/** What has to be so for a service to be ready. */
export interface Health {
  /** Adds a condition; `name` is what `/readyz` lists while it does not hold. */
  require(name: string, holds: () => boolean): void;
  /** The names of the conditions that do not hold now. */
  missing(): string[];
}

/** Makes the list of conditions of one service. */
export function createHealth(): Health {
  const conditions: { name: string; holds: () => boolean }[] = [];
  return {
    require: (name, holds) => void conditions.push({ name, holds }),
    missing: () => conditions.filter(({ holds }) => !holds()).map(({ name }) => name),
  };
}

/** Adds the two routes: 200 `{"status":"ok"}`, or 503 with what is missing. */
export function addHealthRoutes(app: Hono, health: Health): void {
  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.get("/readyz", (c) => {
    const missing = health.missing();
    return missing.length === 0
      ? c.json({ status: "ok" })
      : c.json({ status: "not ready", missing }, 503);
  });
}
