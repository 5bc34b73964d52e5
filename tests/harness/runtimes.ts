/**
 * What the client's tests need from npm, in a folder of its own: the runtimes Node 22 and Bun, the
 * package `ws` for Node 20, and the compiler, types and React that an application has.
 *
 * @module
 */
import { findOnPath } from "../../services/start/nats_server.ts";
import { ROOT } from "./root.ts";

const FOLDER = `${ROOT}.data/runtimes`;

/** The pinned packages. A package counts as installed if its file exists. */
const PACKAGES: [name: string, version: string, file: string][] = [
  ["node", "22.23.3", "node_modules/node/bin/node"],
  ["bun", "1.4.5", "node_modules/bun/bin/bun.exe"],
  ["ws", "8.23.0", "node_modules/ws/package.json"],
  ["typescript", "5.9.3", "node_modules/typescript/bin/tsc"],
  ["@types/node", "22.20.5", "node_modules/@types/node/package.json"],
  ["react", "19.3.1", "node_modules/react/package.json"],
  ["react-dom", "19.3.1", "node_modules/react-dom/package.json"],
  ["@types/react", "19.3.0", "node_modules/@types/react/package.json"],
  ["@types/react-dom", "19.3.0", "node_modules/@types/react-dom/package.json"],
];

/** Those of {@link PACKAGES} that run programs. */
const RUNTIMES = ["node", "bun"];

/** A runtime, and how it runs a file. */
export interface Runtime {
  name: string;
  command: string;
  args: string[];
}

/**
 * Installs missing runtimes. Returns false if this fails, after reporting the reason with `say`.
 */
export async function installRuntimes(say: (line: string) => void): Promise<boolean> {
  const missing = [];
  for (const [name, version, file] of PACKAGES) {
    if (!await exists(`${FOLDER}/${file}`)) missing.push(`${name}@${version}`);
  }
  if (missing.length === 0) return true;
  const npm = await findOnPath("npm");
  if (npm === null) {
    say(`npm is not installed, so ${missing.join(", ")} cannot be installed`);
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

/** Returns the available runtimes. Files in {@link FOLDER} can import the packages by name. */
export async function findRuntimes(): Promise<Runtime[]> {
  const found = [{ name: "deno", command: Deno.execPath(), args: ["run", "-A"] }];
  for (const [name, version, file] of PACKAGES) {
    if (!RUNTIMES.includes(name) || !await exists(`${FOLDER}/${file}`)) continue;
    found.push({ name: `${name} ${version}`, command: `${FOLDER}/${file}`, args: [] });
  }
  const node = await findOnPath("node");
  if (node !== null && found.length > 1) {
    found.push({ name: "node of this machine", command: node, args: [] });
  }
  return found;
}

/** Whether everything of {@link installRuntimes} is there. */
export async function areRuntimesInstalled(): Promise<boolean> {
  const found = await Promise.all(PACKAGES.map(([, , file]) => exists(`${FOLDER}/${file}`)));
  return found.every(Boolean);
}

/** The folder for the files that the runtimes' tests run. */
export const RUNTIME_FOLDER = FOLDER;

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
