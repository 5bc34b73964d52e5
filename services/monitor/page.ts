/**
 * Serves the page that `deno task build` has bundled. It holds nothing secret: what it shows comes from
 * `/api`.
 *
 * @module
 */
import type { Hono } from "hono";

const FOLDER = new URL("./page/", import.meta.url);

/**
 * The page's content security policy: scripts, styles and answers come from monitor alone, and no text
 * becomes a script.
 */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'";

/** The files of the page, by their paths. */
const FILES = {
  "/": { file: "page.html", type: "text/html; charset=utf-8" },
  "/style.css": { file: "dist/style.css", type: "text/css; charset=utf-8" },
  "/page.js": { file: "dist/page.js", type: "text/javascript; charset=utf-8" },
} as const;

/** Adds the routes of the page, which is served at `/`. Without a build they say what to do. */
export function addPageRoutes(app: Hono): void {
  for (const [path, { file, type }] of Object.entries(FILES)) {
    const text = contentOf(file);
    const headers = {
      "content-security-policy": POLICY,
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "cache-control": "no-cache",
      "content-type": type,
    };
    app.get(
      path,
      (c) =>
        text === undefined
          ? c.text("The page is not built; run `deno task build`, then start monitor again.\n", 503)
          : c.body(text, 200, headers),
    );
  }
}

function contentOf(file: string): string | undefined {
  try {
    return Deno.readTextFileSync(new URL(file, FOLDER));
  } catch {
    return undefined;
  }
}
