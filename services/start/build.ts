/**
 * What has to be done before a service can start: fetch the npm packages, and bundle each page into one
 * script and one style sheet, which its service serves. `deno task build` bundles the pages too.
 *
 * @module
 */
import { SERVICES } from "./flags.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** The style sheets that every page begins with. */
const KIT = ["tokens", "base", "components"].map((name) => `services/kit/page/${name}.css`);

/** The pages: their folders, and their own style sheets in order. */
const PAGES = {
  demo: { folder: "services/gateway/demo", styles: ["layout.css", "room/room.css"] },
  monitor: {
    folder: "services/monitor/page",
    styles: ["layout.css", "overview/overview.css", "trace/trace.css"],
  },
} as const;
/** The name of a page. */
export type PageName = keyof typeof PAGES;

/** A slower fetch is announced, milliseconds. */
const ANNOUNCE_MS = 1_000;

/**
 * Bundles a page into `dist/page.js` and `dist/style.css` of its folder, which are not in the
 * repository. Several processes may do this at the same time.
 *
 * @throws {Error} with the first lines of the bundler's output
 */
export async function buildPage(name: PageName = "demo"): Promise<void> {
  const { folder, styles } = PAGES[name];
  const dist = `${ROOT}${folder}/dist`;
  await Deno.mkdir(dist, { recursive: true });
  const temporary = `${dist}/${crypto.randomUUID()}`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "-q", "--platform", "browser", "--minify"]
      .concat("-o", `${temporary}.js`, `${ROOT}${folder}/page.ts`),
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
  }).output();
  if (!success) {
    const output = new TextDecoder().decode(stderr).trim().split("\n").slice(0, 5).join("\n");
    throw new Error(`cannot bundle the ${name} page; is the npm registry reachable? ${output}`);
  }
  await Deno.rename(`${temporary}.js`, `${dist}/page.js`);
  const sheets = [...KIT, ...styles.map((style) => `${folder}/${style}`)];
  const texts = await Promise.all(sheets.map((sheet) => Deno.readTextFile(ROOT + sheet)));
  await Deno.writeTextFile(`${temporary}.css`, texts.join("\n"));
  await Deno.rename(`${temporary}.css`, `${dist}/style.css`);
}

/** Bundles every page. The first one by itself: Deno fetches the bundler once, and not for two at a time. */
export async function buildPages(): Promise<void> {
  const [first, ...rest] = Object.keys(PAGES) as PageName[];
  await buildPage(first!);
  await Promise.all(rest.map((name) => buildPage(name)));
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

if (import.meta.main) await buildPages();
