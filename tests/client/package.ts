/**
 * The client's npm package as an application has it: packed, unpacked into `node_modules`, beside the
 * other packages that the application uses.
 *
 * @module
 */
import assert from "node:assert/strict";
import { pack, type Packed } from "../../client/pack.ts";
import { RUNTIME_FOLDER } from "../harness/runtimes.ts";

/** An application with the package. */
export interface Application extends AsyncDisposable {
  /** Its folder. */
  readonly folder: string;
  /** The folder of the package in it. */
  readonly packageFolder: string;
  /** What was packed. */
  readonly packed: Packed;
}

/** Packs the client and installs it, together with `packages` of harness/runtimes.ts, for a new application. */
export async function createApplication(packages: readonly string[] = []): Promise<Application> {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-application-" });
  const packageFolder = `${folder}/node_modules/@hopwire/client`;
  try {
    const packed = await pack(`${folder}/packed`);
    await Deno.mkdir(packageFolder, { recursive: true });
    const untar = await new Deno.Command("tar", {
      args: ["xzf", packed.tarball, "--strip-components=1", "-C", packageFolder],
    }).output();
    assert.ok(untar.success, new TextDecoder().decode(untar.stderr));
    await Deno.mkdir(`${folder}/node_modules/@types`, { recursive: true });
    for (const name of packages) {
      await Deno.symlink(
        `${RUNTIME_FOLDER}/node_modules/${name}`,
        `${folder}/node_modules/${name}`,
      );
    }
    await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }\n');
    return {
      folder,
      packageFolder,
      packed,
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
}

/**
 * Checks programs, by file name, with `tsc --strict`. Returns the compiler's complaints, one a line;
 * empty if there are none.
 */
export async function compile(
  { folder }: Application,
  programs: Record<string, string>,
  { lib, types = [] }: { lib: string[]; types?: string[] },
): Promise<string> {
  const files = Object.keys(programs);
  for (const file of files) await Deno.writeTextFile(`${folder}/${file}`, programs[file]!);
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    target: "ES2022",
    module: "NodeNext",
    moduleResolution: "NodeNext",
    jsx: "react-jsx",
    lib,
    types,
  };
  const config = JSON.stringify({ compilerOptions, files });
  await Deno.writeTextFile(`${folder}/tsconfig.json`, config);
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${RUNTIME_FOLDER}/node_modules/typescript/bin/tsc`, "-p", folder],
    cwd: folder,
    env: { NO_COLOR: "1" },
  }).output();
  const output = new TextDecoder().decode(stdout).trim();
  assert.ok(success === (output === ""), output);
  return output;
}
