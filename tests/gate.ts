/**
 * `deno task test [FILE OR FOLDER ...]`: everything that must pass before a change lands. It installs
 * what the tests need, then checks format, lint, known vulnerabilities and types against the frozen lock
 * file, and runs the tests: all of them, or those of the arguments. Those that depend on nats-server run
 * again on the current release of it. tests/README.md says how long each part takes.
 *
 * @module
 */
import { aptInstall } from "../services/start/apt.ts";
import { findNatsServer, findOnPath, natsVersion } from "../services/start/nats_server.ts";
import { findCurrentNats, NOT_AGAIN, selectAgain, without } from "./harness/current_nats.ts";
import { AT_A_TIME, FOLDERS, gateParts } from "./harness/gate_parts.ts";
import { ROOT } from "./harness/root.ts";
import { installRuntimes } from "./harness/runtimes.ts";
import { type Counts, readCounts, readErrors } from "./harness/test_output.ts";

/** The Debian packages that tests need, each with a program to look for. NATS is found separately. */
const PACKAGES: [program: string, name: string][] = [
  ["chromium", "chromium"],
  ["pg_ctlcluster", "postgresql"],
  ["docker-compose", "docker-compose"],
  ["redis-server", "redis-server"],
  ["haproxy", "haproxy"],
];

/**
 * What runs in a browser. It is checked separately, because browser types would hide errors in the other
 * files.
 */
const PAGES = [
  "services/gateway/demo",
  "services/monitor/page",
  "client/react",
  "client/examples",
  "tests/browser/hooks",
];

/** What those and other pages are made of. */
const PAGE_KIT = "services/kit/page";

interface Result {
  success: boolean;
  output: string;
}

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

/** How a step runs. */
interface Run {
  /** Variables for the step. */
  env?: Record<string, string>;
  /** Stands before each line of the output, because other steps print meanwhile. */
  label?: string;
}

/** Runs deno, prints its output as it arrives, with a label line by line, and returns all of it. */
async function deno(args: readonly string[], { env = {}, label }: Run): Promise<Result> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", ...env },
  }).spawn();
  let output = "";
  const show = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    let line = "";
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true });
      output += text;
      if (label === undefined) {
        await Deno.stdout.write(chunk);
        continue;
      }
      const lines = (line + text).split("\n");
      line = lines.pop()!;
      if (lines.length > 0) say(lines.map((one) => `${label} | ${one}`).join("\n"));
    }
    if (line !== "") say(`${label} | ${line}`);
  };
  const [status] = await Promise.all([child.status, show(child.stdout), show(child.stderr)]);
  return { success: status.success, output };
}

/** Runs one step of the gate and says how it went. */
async function attempt(name: string, args: readonly string[], run: Run = {}): Promise<Result> {
  const shown = args.length > 8 ? [...args.slice(0, 3), `... (${args.length - 3} more)`] : args;
  say(`\n=== ${name}: deno ${shown.join(" ")}`);
  const began = performance.now();
  const result = await deno(args, run);
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  say(`=== ${name}: ${result.success ? "ok" : "FAILED"} (${seconds} s)`);
  return result;
}

/** Runs one step of the gate. When it fails, the gate exits with 1. */
async function step(name: string, ...args: string[]): Promise<void> {
  if (!(await attempt(name, args)).success) Deno.exit(1);
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

/** What failed, by the name of its step, and how; shown once more at the end. */
const failures = new Map<string, string[]>();

/** Runs tests in one step of the gate. Returns null when one failed, or none ran. */
async function test(name: string, args: readonly string[], run: Run = {}): Promise<Counts | null> {
  // What is tested was checked before, in one step: each run would check it all again.
  const flags = ["test", "--frozen", "--no-check", "-A"];
  const { success, output } = await attempt(name, [...flags, ...args], run);
  const counts = readCounts(output);
  if (success && counts !== null) return counts;
  failures.set(name, counts === null && success ? ["no test ran"] : readErrors(output));
  return null;
}

/** Every TypeScript file that runs in Deno, the tests of pages among them, and every document. */
async function allSources(): Promise<string[]> {
  const tests = (await Promise.all([...PAGES, PAGE_KIT].map((page) => sources(page)))).flat()
    .filter((file) => file.endsWith("_test.ts"));
  const rest = (await Promise.all(FOLDERS.map((folder) => sources(folder, /\.(tsx?|md)$/)))).flat();
  return [...rest, ...tests];
}

/** Every TypeScript file below a folder, except those of pages; or the files of other names. */
async function sources(folder: string, names = /\.tsx?$/): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}/${name}`;
    if (PAGES.includes(path) || path === PAGE_KIT || name === "dist") continue;
    if (isDirectory) found.push(...await sources(path, names));
    else if (names.test(name)) found.push(path);
  }
  return found;
}

/** What came of the tests on one server. */
interface Tally {
  server: TestedServer;
  counts: Counts;
}

/** Adds counts. */
function add(counts: Counts, more: Counts): void {
  more.forEach((count, i) => counts[i]! += count);
}

/** Runs all tests, some parts of them side by side. Returns false when one failed. */
async function testAll(first: Tally, again: Tally | null): Promise<boolean> {
  const queue = (await gateParts(again !== null)).values();
  const work = async () => {
    for (const part of queue) {
      const { server, counts } = part.again ? again! : first;
      const name = `${part.name} on nats-server ${server.version}`;
      const result = await test(name, part.args, {
        label: `${part.name}${part.again ? ", again" : ""}`,
        env: part.again ? { NATS_SERVER: server.binary } : {},
      });
      if (result !== null) add(counts, result);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return failures.size === 0;
}

/** Runs some tests, one after the other. Returns false when one failed. */
async function testSome(
  only: readonly string[],
  first: Tally,
  again: Tally | null,
): Promise<boolean> {
  const found = await test("tests", ["--doc", ...only]);
  if (found === null) return false;
  add(first.counts, found);
  const repeated = selectAgain(only);
  if (again === null || repeated.length === 0) return true;
  const { binary, version } = again.server;
  const paths = await without(repeated, NOT_AGAIN);
  if (paths.length === 0) return true;
  const env = { NATS_SERVER: binary };
  const foundAgain = await test(`tests on nats-server ${version}`, paths, { env });
  if (foundAgain === null) return false;
  add(again.counts, foundAgain);
  return true;
}

const servers = await setUp().catch((error) => {
  say((error as Error).message);
  Deno.exit(1);
});
await step("format", "fmt", "--check");
await step("lint", "lint");
// A registry that has no list of advisories, or cannot be reached, is no fault of the code.
await step("advisories", "audit", "--ignore-registry-errors");
// With the examples in comments and documents.
await step("types", "check", "--frozen", "--doc", ...await allSources());
for (const page of PAGES) {
  // Its tests run in Deno, and are checked with all others.
  const files = (await sources(page)).filter((file) => !file.endsWith("_test.ts"));
  await step(`types of ${page}`, "check", "-c", `${page}/deno.json`, ...files);
}
const [first, again] = servers.map((server): Tally | null =>
  server && { server, counts: [0, 0, 0] }
) as [Tally, Tally | null];
const passed = Deno.args.length > 0
  ? await testSome(Deno.args, first, again)
  : await testAll(first, again);
if (!passed) {
  // After everything else, because a log is read from its end.
  for (const [name, lines] of failures) say(`\nFAILED: ${name}\n${lines.join("\n")}`);
  Deno.exit(1);
}
const total: Counts = [0, 0, 0];
for (const { server, counts } of again === null ? [first] : [first, again]) {
  say(`\nnats-server ${server.version}: ${counts[0]} passed, ${counts[2]} skipped`);
  add(total, counts);
}
if (again === null) say("no other nats-server, so NOTHING ran on the current release");
say(`\n${total[0]} passed, ${total[1]} failed, ${total[2]} skipped`);
