/**
 * Finds the nats-server binary, or installs Debian's package, and writes the server's configuration.
 *
 * @module
 */
import { aptInstall } from "./apt.ts";
import { reportsTraces } from "../kit/mod.ts";
import { authorizationOf, NATS_ACCOUNT, type NatsAccount } from "./nats_users.ts";
import { writePrivateFile } from "./private_files.ts";

/** Folders that are on the PATH of a login shell, and often missing from that of a service. */
const MORE_FOLDERS = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/bin"];

/** What to do on a machine without apt. */
const HOW_TO =
  "nats-server is not installed. Install it (Debian and Ubuntu: apt-get install nats-server; macOS: " +
  "brew install nats-server; others: nats.io), or set NATS_SERVER to the binary, or set NATS_URL to a " +
  "running server";

/**
 * Returns the path of nats-server: that of NATS_SERVER, else one on PATH, else that of Debian's
 * package, which it installs. `say` receives a line before an installation.
 *
 * @throws {Error} when there is none and it cannot be installed; the message says what to do
 */
export async function findNatsServer(say: (line: string) => void = () => {}): Promise<string> {
  const configured = Deno.env.get("NATS_SERVER");
  if (configured) {
    if (await isFile(configured)) return configured;
    throw new Error(`NATS_SERVER: there is no file ${configured}`);
  }
  const found = await findOnPath("nats-server");
  if (found !== null) return found;
  if (await aptInstall(["nats-server"], say)) {
    const installed = await findOnPath("nats-server");
    if (installed !== null) return installed;
  }
  throw new Error(HOW_TO);
}

/** Returns the full path of a program, or null. */
export async function findOnPath(program: string): Promise<string | null> {
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter(Boolean);
  for (const folder of [...folders, ...MORE_FOLDERS]) {
    if (await isFile(`${folder}/${program}`)) return `${folder}/${program}`;
  }
  return null;
}

/** Returns the version of a nats-server binary, such as `2.9.10`. */
export async function natsVersion(binary: string): Promise<string> {
  const { stdout } = await new Deno.Command(binary, { args: ["--version"] }).output();
  const text = new TextDecoder().decode(stdout).trim();
  const version = /v(\d+\.\d+\.\S+)$/.exec(text)?.[1];
  if (version === undefined) throw new Error(`${binary} --version printed "${text}"`);
  return version;
}

/**
 * Moves the data of a server that had no accounts to where a server with our account looks for it, if
 * there is any. `folder` is its `store_dir`. The server must not run.
 */
export async function moveToAccount(folder: string): Promise<void> {
  const jetstream = `${folder}/jetstream`;
  const exists = (name: string) => Deno.stat(`${jetstream}/${name}`).then(() => true, () => false);
  if (!await exists("$G") || await exists(NATS_ACCOUNT)) return;
  await Deno.rename(`${jetstream}/$G`, `${jetstream}/${NATS_ACCOUNT}`);
}

/**
 * Prepares a server of this binary that keeps its data in `folder` and knows these users: writes its
 * configuration, and moves the data of an earlier release to its place. Returns the path of the
 * configuration.
 */
export async function prepareNats(
  binary: string,
  folder: string,
  port: number,
  accounts: readonly NatsAccount[],
): Promise<string> {
  const absolute = await Deno.realPath(folder);
  const traces = reportsTraces(await natsVersion(binary));
  await moveToAccount(`${absolute}/nats`);
  const file = `${absolute}/nats.conf`;
  const lines = [
    `listen: 127.0.0.1:${port}`,
    `jetstream { store_dir: ${JSON.stringify(`${absolute}/nats`)} }`,
    // Frames take up to 64 KiB; a page of history takes nearly 1 MiB.
    "max_payload: 1MB",
    authorizationOf(accounts, { traces }),
  ];
  await writePrivateFile(file, lines.join("\n"));
  return file;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}
