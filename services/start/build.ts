/**
 * Bundles the demo page into one file, which the gateway sends. `deno task build` runs this, and so does
 * the start command before it starts anything.
 *
 * @module
 */
const ROOT = new URL("../../", import.meta.url).pathname;
const DEMO = `${ROOT}services/gateway/demo`;

/** Where the page's script is put. Not kept in the repository. */
export const PAGE_SCRIPT = `${DEMO}/dist/page.js`;

/** Bundles the page. Throws with the bundler's words where that fails. Several may do it at once. */
export async function buildPage(): Promise<void> {
  const made = `${DEMO}/dist/page-${crypto.randomUUID()}.js`;
  await Deno.mkdir(`${DEMO}/dist`, { recursive: true });
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "-q", "--platform", "browser", "--minify", "-o", made, `${DEMO}/page.ts`],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
  }).output();
  if (!success) {
    const words = new TextDecoder().decode(stderr).trim().split("\n").slice(0, 5).join("\n");
    throw new Error(`the page could not be bundled (is the npm registry reached?): ${words}`);
  }
  await Deno.rename(made, PAGE_SCRIPT);
}

if (import.meta.main) await buildPage();
