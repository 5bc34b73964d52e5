/**
 * Finds the nats-server binary, or installs Debian's package, and writes the server's configuration.
 *
 * @module
 */
import { aptInstall } from "./apt.ts";
import { authorizationOf, type NatsAccount } from "./nats_users.ts";
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

/**
 * Writes the configuration of a server that keeps its data in `folder` and knows these users. Returns
 * the file's path.
 */
export async function writeNatsConfig(
  folder: string,
  port: number,
  accounts: readonly NatsAccount[],
): Promise<string> {
  const absolute = await Deno.realPath(folder);
  const file = `${absolute}/nats.conf`;
  const lines = [
    `listen: 127.0.0.1:${port}`,
    `jetstream { store_dir: ${JSON.stringify(`${absolute}/nats`)} }`,
    // Frames take up to 64 KiB; a page of history takes nearly 1 MiB.
    "max_payload: 1MB",
    authorizationOf(accounts),
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
