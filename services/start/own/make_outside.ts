/**
 * Makes the folder of a service outside of this repository.
 *
 * @module
 */
import { resolve } from "node:path";
import type { ServiceNeed } from "../../contract/mod.ts";
import { ConfigError } from "../../kit/mod.ts";
import { packKit } from "../kit_package/pack.ts";
import { packageVersions } from "../kit_package/versions.ts";
import { outsideFiles } from "./outside_files.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

/**
 * Makes a service in a folder that does not exist or is empty, with the packages of kit and client. Returns
 * the names of its files.
 *
 * @throws {ConfigError} if there is something in the folder
 */
export async function makeOutside(
  name: string,
  needs: readonly ServiceNeed[],
  folder: string,
): Promise<string[]> {
  if (resolve(folder).startsWith(`${ROOT}services/`)) {
    throw new ConfigError(`--outside: ${folder} is inside of this repository; leave --outside out`);
  }
  const there = await Array.fromAsync(Deno.readDir(folder)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new ConfigError(`--outside: cannot use ${folder}`);
  });
  if (there.length > 0) throw new ConfigError(`--outside: ${folder} is not empty`);
  const work = await Deno.makeTempDir({ prefix: "hopwire-outside-" });
  try {
    const tarballs = {
      kit: (await packKit(`${work}/kit`)).tarball,
      client: await packClient(`${work}/client`),
    };
    await Deno.mkdir(`${folder}/packages`, { recursive: true });
    const packages = { kit: "", client: "" };
    for (const one of ["kit", "client"] as const) {
      packages[one] = tarballs[one].split("/").at(-1)!;
      await Deno.copyFile(tarballs[one], `${folder}/packages/${packages[one]}`);
    }
    const versions = await packageVersions(["zod", "typescript", "@types/node"]);
    const files = outsideFiles({ name, needs, packages, versions });
    for (const [file, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${file}`, text);
    }
    await run("fmt", "-q", "--config", `${ROOT}deno.json`, folder);
    return [...Object.keys(files), ...Object.values(packages).map((file) => `packages/${file}`)];
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Packs the client, which this part of the project does not import. Returns the path of the package. */
async function packClient(out: string): Promise<string> {
  return (await run("run", "-A", "client/pack.ts", out)).split(": ")[0]!;
}

/** Runs deno in the root of the repository. Returns what it printed. */
async function run(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
