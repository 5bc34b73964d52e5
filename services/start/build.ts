/**
 * What has to be done before a service can start: fetch the npm packages, and bundle the demo page
 * into one file, which the gateway serves. `deno task build` bundles the page too.
 *
 * @module
 */
import { SERVICES } from "./flags.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const DEMO = `${ROOT}services/gateway/demo`;

/** A slower fetch is announced, milliseconds. */
const ANNOUNCE_MS = 1_000;

/** The path of the bundle. It is not in the repository. */
export const PAGE_SCRIPT = `${DEMO}/dist/page.js`;

/**
 * Bundles the demo page. Several processes may do this at the same time.
 *
 * @throws {Error} with the first lines of the bundler's output
 */
export async function buildPage(): Promise<void> {
  const temporary = `${DEMO}/dist/page-${crypto.randomUUID()}.js`;
  await Deno.mkdir(`${DEMO}/dist`, { recursive: true });
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "-q", "--platform", "browser", "--minify", "-o", temporary, `${DEMO}/page.ts`],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
  }).output();
  if (!success) {
    const output = new TextDecoder().decode(stderr).trim().split("\n").slice(0, 5).join("\n");
    throw new Error(`cannot bundle the demo page; is the npm registry reachable? ${output}`);
  }
  await Deno.rename(temporary, PAGE_SCRIPT);
}

/**
 * Fetches the npm packages of all services once, so that the services do not fetch them side by
 * side. `announce` is called when that takes a while.
 *
 * @throws {Error} with the last lines of Deno's output
 */
export async function fetchPackages(announce: () => void): Promise<void> {
  const timer = setTimeout(announce, ANNOUNCE_MS);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "-q", ...SERVICES.map((service) => `services/${service}/main.ts`)],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output().finally(() => clearTimeout(timer));
  if (success) return;
  const output = new TextDecoder().decode(stderr).trim().split("\n").slice(-3).join(" ");
  throw new Error(`cannot fetch the npm packages; is the npm registry reachable? ${output}`);
}

if (import.meta.main) await buildPage();
