/**
 * Packages that peers need, from the npm registry.
 *
 * @module
 */
import { ROOT } from "../../harness/root.ts";

/** Where programs of peers are kept between runs. */
export const PEERS_FOLDER = `${ROOT}.data/bench/`;

/** Installs packages into a folder of {@link PEERS_FOLDER}, once, and returns the folder. */
export async function installPackages(name: string, packages: string[]): Promise<string> {
  const folder = `${PEERS_FOLDER}${name}`;
  await Deno.mkdir(folder, { recursive: true });
  const wanted = packages.join("\n");
  const installed = await Deno.readTextFile(`${folder}/installed`).catch(() => "");
  if (installed === wanted) return folder;
  const { success, stderr } = await new Deno.Command("npm", {
    args: ["install", "--prefix", folder, "--no-audit", "--no-fund", "--silent", ...packages],
    cwd: folder,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`npm install: ${new TextDecoder().decode(stderr)}`);
  await Deno.writeTextFile(`${folder}/installed`, wanted);
  return folder;
}
