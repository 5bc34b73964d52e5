/**
 * The demo page, as `deno task build` has bundled it. Sent as it is.
 *
 * @module
 */
import type { Hono } from "hono";
import { ConfigError } from "../kit/mod.ts";

const PAGE = new URL("./demo/page.html", import.meta.url);
const STYLE = new URL("./demo/style.css", import.meta.url);
const SCRIPT = new URL("./demo/dist/page.js", import.meta.url);

/**
 * Scripts and styles from here alone, and connections: the page needs the token's origin too. Pictures
 * from anywhere: people send them by address.
 */
function contentPolicy(tokenUrl: string | undefined): string {
  const tokens = tokenUrl === undefined ? "" : ` ${new URL(tokenUrl).origin}`;
  return `default-src 'none'; script-src 'self'; style-src 'self'; img-src http: https: data:; ` +
    `connect-src 'self'${tokens}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; ` +
    `require-trusted-types-for 'script'`;
}

/**
 * Adds the page at `/`. `tokenUrl` is where it gets development tokens.
 *
 * @throws {ConfigError} where the page has not been built
 */
export function addDemoRoutes(app: Hono, tokenUrl: string | undefined): void {
  const page = Deno.readTextFileSync(PAGE).replace("{{token-url}}", tokenUrl ?? "");
  const style = Deno.readTextFileSync(STYLE);
  let script: string;
  try {
    script = Deno.readTextFileSync(SCRIPT);
  } catch {
    throw new ConfigError("DEMO: the page is not built: run `deno task build` first");
  }
  const headers = {
    "content-security-policy": contentPolicy(tokenUrl),
    "referrer-policy": "no-referrer",
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
