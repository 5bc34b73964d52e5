/**
 * Serves the page.
 *
 * @module
 */
import type { Hono } from "hono";

/** Adds the routes of the page, which is served at `/`. */
export function addPageRoutes(app: Hono): void {
  app.get("/", (c) => c.text("GET /api/overview, /api/messages, /api/traces/{id}, /metrics\n"));
}
