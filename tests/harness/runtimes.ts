/**
 * Runtimes that the client must run on, as npm packages in a folder of their own: Node 22, Bun, and the
 * WebSocket that Node 20 is handed.
 *
 * @module
 */
import { findOnPath } from "../../services/start/nats_server.ts";
import { ROOT } from "./root.ts";

const FOLDER = `${ROOT}.data/runtimes`;

/** Pinned; what is installed is looked for by the file it brings. */
const PACKAGES: [name: string, version: string, file: string][] = [
  ["node", "22.23.3", "node_modules/node/bin/node"],
  ["bun", "1.4.5", "node_modules/bun/bin/bun.exe"],
  ["ws", "8.23.0", "node_modules/ws/package.json"],
];

/** A runtime: how a file is run. */
export interface Runtime {
  name: string;
  command: string;
  args: string[];
}

/** Installs what is missing. Gives false, having said why, where it cannot. */
export async function installRuntimes(say: (line: string) => void): Promise<boolean> {
  const missing = [];
  for (const [name, version, file] of PACKAGES) {
    if (!await exists(`${FOLDER}/${file}`)) missing.push(`${name}@${version}`);
  }
  if (missing.length === 0) return true;
  const npm = await findOnPath("npm");
  if (npm === null) {
    say(`npm is not there, so ${missing.join(", ")} cannot be had`);
    return false;
  }
  say(`installing ${missing.join(", ")} for the client's tests ...`);
  await Deno.mkdir(FOLDER, { recursive: true });
  await Deno.writeTextFile(`${FOLDER}/package.json`, '{ "private": true }\n');
  const flags = ["--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
  const { success, stderr } = await new Deno.Command(npm, {
    args: ["install", ...flags, ...PACKAGES.map(([name, version]) => `${name}@${version}`)],
    cwd: FOLDER,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) say(new TextDecoder().decode(stderr).trim());
  return success;
}

/** The runtimes that are there. A file of {@link FOLDER} finds the packages by their names. */
export async function findRuntimes(): Promise<Runtime[]> {
  const found = [{ name: "deno", command: Deno.execPath(), args: ["run", "-A"] }];
  for (const [name, version, file] of PACKAGES) {
    if (name === "ws" || !await exists(`${FOLDER}/${file}`)) continue;
    found.push({ name: `${name} ${version}`, command: `${FOLDER}/${file}`, args: [] });
  }
  const node = await findOnPath("node");
  if (node !== null && found.length > 1) {
    found.push({ name: "node of this machine", command: node, args: [] });
  }
  return found;
}

/** Where files of the runtimes' tests are put. */
export const RUNTIME_FOLDER = FOLDER;

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
