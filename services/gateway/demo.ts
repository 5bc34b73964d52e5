/**
 * Serves the demo page that `deno task build` has bundled.
 *
 * @module
 */
import type { Hono } from "hono";
import { ConfigError } from "../kit/mod.ts";

const PAGE = new URL("./demo/page.html", import.meta.url);
const STYLE = new URL("./demo/dist/style.css", import.meta.url);
const SCRIPT = new URL("./demo/dist/page.js", import.meta.url);

/** The addresses that the page needs. */
export interface DemoAddresses {
  /** Where it gets development tokens. */
  tokenUrl?: string;
  /** Where monitor's page is, which shows the hops of a message. */
  monitorUrl?: string;
}

/**
 * Returns the page's content security policy. Scripts and styles come from the gateway alone.
 * Connections also go to the origin that issues tokens. Pictures may come from anywhere, because users
 * send them as links.
 */
function contentPolicy(tokenUrl: string | undefined): string {
  const tokens = tokenUrl === undefined ? "" : ` ${new URL(tokenUrl).origin}`;
  return `default-src 'none'; script-src 'self'; style-src 'self'; img-src http: https: data:; ` +
    `connect-src 'self'${tokens}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; ` +
    `require-trusted-types-for 'script'`;
}

/**
 * Adds the routes of the page, which is served at `/`.
 *
 * @throws {ConfigError} if the page has not been built
 */
export function addDemoRoutes(app: Hono, { tokenUrl, monitorUrl }: DemoAddresses): void {
  const page = Deno.readTextFileSync(PAGE)
    .replace("{{token-url}}", () => attributeOf(tokenUrl))
    .replace("{{monitor-url}}", () => attributeOf(monitorUrl));
  let script: string;
  let style: string;
  try {
    script = Deno.readTextFileSync(SCRIPT);
    style = Deno.readTextFileSync(STYLE);
  } catch {
    throw new ConfigError("DEMO: the demo page is not built; run `deno task build` first");
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

/** Escapes an address for an attribute of the page. */
function attributeOf(url: string | undefined): string {
  return (url ?? "").replaceAll("&", "&amp;").replaceAll('"', "&quot;");
}
