/**
 * `deno task test`: everything that must hold before a change lands. Installs what the tests need
 * (Debian's packages, where apt is there), then format, lint, types, the frozen lock and the tests.
 *
 * @module
 */
import { aptInstall } from "../services/start/apt.ts";
import { findNatsServer, findOnPath } from "../services/start/nats_server.ts";
import { ROOT } from "./harness/root.ts";
import { installRuntimes } from "./harness/runtimes.ts";

/** Debian packages of the tests, by a program that each brings. NATS is looked for on its own. */
const PACKAGES: [program: string, name: string][] = [
  ["chromium", "chromium"],
  ["pg_ctlcluster", "postgresql"],
  ["docker-compose", "docker-compose"],
  ["redis-server", "redis-server"],
];

/** The page is for a browser: with the browser's types among them, other files would check wrongly. */
const PAGE = "services/gateway/demo";

interface Result {
  success: boolean;
  output: string;
}

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

/** Runs deno with the output shown as it comes (and kept). */
async function deno(...args: string[]): Promise<Result> {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  let output = "";
  const show = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      output += decoder.decode(chunk, { stream: true });
      await Deno.stdout.write(chunk);
    }
  };
  const [status] = await Promise.all([child.status, show(child.stdout), show(child.stderr)]);
  return { success: status.success, output };
}

async function step(name: string, ...args: string[]): Promise<Result> {
  const shown = args.length > 8 ? [...args.slice(0, 3), `... (${args.length - 3} files)`] : args;
  say(`\n=== ${name}: deno ${shown.join(" ")}`);
  const began = performance.now();
  const result = await deno(...args);
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  say(`=== ${name}: ${result.success ? "ok" : "FAILED"} (${seconds} s)`);
  if (!result.success) Deno.exit(1);
  return result;
}

/** Installs what is missing. What cannot be had is said; the tests that need it say so again. */
async function setUp(): Promise<void> {
  await findNatsServer(say);
  const missing: string[] = [];
  for (const [program, name] of PACKAGES) {
    if (await findOnPath(program) === null) missing.push(name);
  }
  if (missing.length > 0 && !await aptInstall(missing, say)) {
    say(`not installed: ${missing.join(", ")}; the tests that need them are left out`);
  }
  if (!await installRuntimes(say)) say("the client is tested on Deno alone");
}

const FOLDERS = ["services", "client", "tests"];

async function allSources(): Promise<string[]> {
  return (await Promise.all(FOLDERS.map(sources))).flat();
}

/** Every TypeScript file below a folder, but those of the page. */
async function sources(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}/${name}`;
    if (path === PAGE) continue;
    if (isDirectory) found.push(...await sources(path));
    else if (name.endsWith(".ts")) found.push(path);
  }
  return found;
}

try {
  await setUp();
} catch (error) {
  say((error as Error).message);
  Deno.exit(1);
}
await step("format", "fmt", "--check");
await step("lint", "lint");
const only = Deno.args;
await step("types", "check", "--frozen", ...await allSources());
await step("types of the page", "check", "-c", `${PAGE}/deno.json`, `${PAGE}/page.ts`);
const { output } = await step(
  "tests",
  "test",
  "--frozen",
  "-A",
  "--doc",
  ...(only.length > 0 ? only : FOLDERS),
);
const counts = /(\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(?:.*?(\d+) ignored)?/.exec(output);
if (counts === null) {
  say("no test was run");
  Deno.exit(1);
}
say(`\n${counts[1]} passed, ${counts[2]} failed, ${counts[3] ?? 0} skipped`);
