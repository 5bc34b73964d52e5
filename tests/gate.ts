/**
 * `deno task test [FILE OR FOLDER ...]`: everything that must pass before a change lands. It installs
 * what the tests need, then checks format, lint and types against the frozen lock file, and runs the
 * tests: all of them, or those of the arguments. Those that depend on nats-server run again on the
 * current release of it. tests/README.md says how long each part takes.
 *
 * @module
 */
import { aptInstall } from "../services/start/apt.ts";
import { findNatsServer, findOnPath } from "../services/start/nats_server.ts";
import { findCurrentNats, natsVersion, selectAgain } from "./harness/current_nats.ts";
import { ROOT } from "./harness/root.ts";
import { installRuntimes } from "./harness/runtimes.ts";

/** The Debian packages that tests need, each with a program to look for. NATS is found separately. */
const PACKAGES: [program: string, name: string][] = [
  ["chromium", "chromium"],
  ["pg_ctlcluster", "postgresql"],
  ["docker-compose", "docker-compose"],
  ["redis-server", "redis-server"],
];

/**
 * The demo page runs in a browser. It is checked separately, because browser types would hide errors
 * in the other files.
 */
const PAGE = "services/gateway/demo";

interface Result {
  success: boolean;
  output: string;
}

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

/** Variables of the steps. */
const ENV: Record<string, string> = { NO_COLOR: "1" };

/** Runs deno, prints its output as it arrives, and returns all of it. */
async function deno(...args: string[]): Promise<Result> {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: ENV,
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

/** Runs one step of the gate. When it fails, the gate exits with 1. */
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

/** A nats-server that tests run on. */
interface TestedServer {
  binary: string;
  version: string;
}

/**
 * Installs what is missing. Tests that need something that cannot be installed are skipped. Returns
 * the nats-server of all tests, and the current one; null if there is none or it is the same.
 */
async function setUp(): Promise<[installed: TestedServer, current: TestedServer | null]> {
  const binary = await findNatsServer(say);
  const installed = { binary, version: await natsVersion(binary) };
  say(`nats-server of all tests: ${installed.version} (${binary})`);
  const currentBinary = await findCurrentNats(say);
  const missing: string[] = [];
  for (const [program, name] of PACKAGES) {
    if (await findOnPath(program) === null) missing.push(name);
  }
  if (missing.length > 0 && !await aptInstall(missing, say)) {
    say(`cannot install ${missing.join(", ")}: skipping the tests that need them`);
  }
  if (!await installRuntimes(say)) say("testing the client on Deno only");
  if (currentBinary === null) return [installed, null];
  const current = { binary: currentBinary, version: await natsVersion(currentBinary) };
  return [installed, current.version === installed.version ? null : current];
}

/** How many tests passed, failed and were skipped. */
type Counts = [passed: number, failed: number, skipped: number];

/** Runs tests in one step of the gate. When no test ran, the gate exits with 1. */
async function test(name: string, ...args: string[]): Promise<Counts> {
  const { output } = await step(name, "test", "--frozen", "-A", ...args);
  const counts = /(\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(?:.*?(\d+) ignored)?/.exec(
    output,
  );
  if (counts === null) {
    say("no test ran");
    Deno.exit(1);
  }
  return [Number(counts[1]), Number(counts[2]), Number(counts[3] ?? 0)];
}

const FOLDERS = ["services", "client", "tests"];

async function allSources(): Promise<string[]> {
  return (await Promise.all(FOLDERS.map(sources))).flat();
}

/** Every TypeScript file below a folder, except those of the demo page. */
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

/** Runs the tests on every server. Returns a line about each, and the sum of all counts. */
async function testOnServers(
  [installed, current]: [TestedServer, TestedServer | null],
  only: readonly string[],
): Promise<{ lines: string[]; sum: Counts }> {
  const lines: string[] = [];
  const sum: Counts = [0, 0, 0];
  const add = (version: string, counts: Counts) => {
    counts.forEach((count, i) => sum[i]! += count);
    lines.push(`nats-server ${version}: ${counts[0]} passed, ${counts[2]} skipped`);
  };
  add(installed.version, await test("tests", "--doc", ...(only.length > 0 ? only : FOLDERS)));
  const again = selectAgain(only);
  if (again.length === 0) return { lines, sum };
  if (current === null) {
    lines.push("no other nats-server, so NOTHING ran on the current release");
    return { lines, sum };
  }
  say(`\nnow on nats-server ${current.version} (${current.binary})`);
  ENV.NATS_SERVER = current.binary;
  add(current.version, await test(`tests on nats-server ${current.version}`, ...again));
  return { lines, sum };
}

const servers = await setUp().catch((error) => {
  say((error as Error).message);
  Deno.exit(1);
});
await step("format", "fmt", "--check");
await step("lint", "lint");
await step("types", "check", "--frozen", ...await allSources());
await step("types of the page", "check", "-c", `${PAGE}/deno.json`, `${PAGE}/page.ts`);
const { lines, sum } = await testOnServers(servers, Deno.args);
say(`\n${lines.join("\n")}`);
say(`\n${sum[0]} passed, ${sum[1]} failed, ${sum[2]} skipped`);
