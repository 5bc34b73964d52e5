/**
 * Serves the documents of the contract, which `deno task contract` has written: a page for people at
 * `/docs`, and what tools read.
 *
 * @module
 */
import type { Hono } from "hono";

const FOLDER = new URL("../contract/generated/", import.meta.url);

/** The page loads its style sheet and nothing else. It has no script. */
const PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'";

/** The paths, with the file and its type. */
const PAGE_PATHS = [
  ["/docs", "docs.html", "text/html; charset=utf-8"],
  ["/docs.css", "docs.css", "text/css; charset=utf-8"],
] as const;
const TOOL_PATHS = [
  "/asyncapi.json",
  "/openapi.json",
  "/monitor-openapi.json",
  "/schemas.json",
] as const;

/** Adds the routes of the documents. */
export function addDocumentRoutes(app: Hono): void {
  for (const [path, file, type] of PAGE_PATHS) {
    const text = Deno.readTextFileSync(new URL(file, FOLDER));
    const headers = {
      "content-type": type,
      "content-security-policy": PAGE_POLICY,
      "cache-control": "no-cache",
    };
    app.get(path, (c) => c.body(text, 200, headers));
  }
  for (const path of TOOL_PATHS) {
    const text = Deno.readTextFileSync(new URL(path.slice(1), FOLDER));
    const headers = {
      "content-type": "application/json",
      // Editors and viewers of these documents run on other origins. There is nothing secret here.
      "access-control-allow-origin": "*",
      "cache-control": "no-cache",
    };
    app.get(path, (c) => c.body(text, 200, headers));
  }
}
