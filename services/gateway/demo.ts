/**
 * The demo page: plain TypeScript and HTML, sent as they are but for the types, which are taken out
 * when the gateway starts. Nothing to build.
 *
 * @module
 */
import type { Hono } from "hono";
import { stripTypeScriptTypes } from "node:module";

const PAGE = new URL("./demo/page.html", import.meta.url);
const STYLE = new URL("./demo/style.css", import.meta.url);
const SCRIPT = new URL("./demo/page.ts", import.meta.url);

/** Scripts and styles from here alone, and connections: the page needs the token's origin too. */
function contentPolicy(tokenUrl: string | undefined): string {
  const tokens = tokenUrl === undefined ? "" : ` ${new URL(tokenUrl).origin}`;
  return `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; ` +
    `connect-src 'self'${tokens}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

/** Adds the page at `/`. `tokenUrl` is where it gets development tokens. */
export function addDemoRoutes(app: Hono, tokenUrl: string | undefined): void {
  const page = Deno.readTextFileSync(PAGE).replace("{{token-url}}", tokenUrl ?? "");
  const style = Deno.readTextFileSync(STYLE);
  const script = stripTypeScriptTypes(Deno.readTextFileSync(SCRIPT));
  const headers = {
    "content-security-policy": contentPolicy(tokenUrl),
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
  };
  app.get("/", (c) => c.html(page, 200, headers));
  app.get("/style.css", (c) => c.body(style, 200, { ...headers, "content-type": "text/css" }));
  app.get(
    "/page.js",
    (c) => c.body(script, 200, { ...headers, "content-type": "text/javascript" }),
  );
}
