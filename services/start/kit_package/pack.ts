/**
 * `deno task pack-kit` builds the kit as an npm package, `.data/kit/hopwire-kit-<version>.tgz`, for services
 * outside of this repository: JavaScript for Deno and Node, and type declarations.
 *
 * @module
 */
import ts from "typescript";
import { VERSION } from "../../contract/mod.ts";
import { printLine } from "../output.ts";
import { README } from "./readme.ts";
import { packageVersions } from "./versions.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

/** What applications import: the path that the package exports, and the source. */
const ENTRIES = { ".": "kit/package/mod", "./testing": "kit/package/testing" };

/** The packages that the kit is built on. zod is the service's own: its schemas go to the kit. */
const DEPENDENCIES = [
  "@nats-io/jetstream",
  "@nats-io/transport-node",
  "@opentelemetry/api",
  "hono",
];
const PEERS = ["zod"];

const OPTIONS: ts.CompilerOptions = {
  declaration: true,
  stripInternal: true,
  // `deno check` checks the sources. Here only what is written in them counts.
  noCheck: true,
  skipLibCheck: true,
  rewriteRelativeImportExtensions: true,
  verbatimModuleSyntax: true,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  target: ts.ScriptTarget.ES2023,
  lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  types: ["node"],
};

/** A package that was built. */
export interface PackedKit {
  /** Path of the package's unpacked folder. */
  folder: string;
  /** Path of the tarball. */
  tarball: string;
}

/**
 * Builds the package in the folder `out`. It takes npm, which gets the packages that the declarations name.
 *
 * @throws {Error} a command failed
 */
export async function packKit(out: string): Promise<PackedKit> {
  const folder = `${out}/package`;
  await Deno.remove(out, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  const work = await Deno.makeTempDir({ prefix: "hopwire-pack-kit-" });
  try {
    const versions = await packageVersions([...DEPENDENCIES, ...PEERS, "@types/node"]);
    // The compiler finds the types of packages beside the sources.
    await Deno.writeTextFile(`${work}/package.json`, JSON.stringify({ dependencies: versions }));
    await run("npm", ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], work);
    for (const part of ["kit", "contract"]) {
      await copySources(`services/${part}`, `${work}/${part}`);
    }
    await compile(work, `${folder}/dist`);
    const manifest = JSON.stringify(manifestOf(versions), null, 2);
    await Deno.writeTextFile(`${folder}/package.json`, `${manifest}\n`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  await Deno.writeTextFile(`${folder}/README.md`, README);
  await Deno.copyFile(`${ROOT}LICENSE`, `${folder}/LICENSE`);
  const name = await run("npm", ["pack", "--silent", "--pack-destination", out], folder);
  return { folder, tarball: `${out}/${name.trim()}` };
}

/** Writes JavaScript and declarations of all modules that the entries need. */
async function compile(work: string, out: string): Promise<void> {
  const roots = Object.values(ENTRIES).map((entry) => `${work}/${entry}.ts`);
  const program = ts.createProgram(roots, {
    ...OPTIONS,
    rootDir: work,
    outDir: out,
    typeRoots: [
      `${work}/node_modules/@types`,
    ],
  });
  const written: [string, string][] = [];
  program.emit(undefined, (path, text) => {
    // Declarations keep the names of the sources, which are not there.
    const named = path.endsWith(".d.ts")
      ? text.replace(/((?:\bfrom |\bimport\()"\.[^"]+)\.ts"/g, '$1.js"')
      : text;
    written.push([path, named]);
  });
  for (const [path, text] of written) {
    await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
}

/** What npm must know. */
function manifestOf(versions: Record<string, string>): object {
  const pick = (names: string[], prefix: string) =>
    Object.fromEntries(names.map((name) => [name, prefix + versions[name]]));
  return {
    name: "@hopwire/kit",
    version: VERSION,
    description: "Services for Hopwire: realtime rooms over NATS",
    license: "MIT",
    type: "module",
    engines: { node: ">=22.18" },
    exports: Object.fromEntries(
      Object.entries(ENTRIES).map(([path, entry]) => [path, {
        types: `./dist/${entry}.d.ts`,
        default: `./dist/${entry}.js`,
      }]),
    ),
    files: ["dist"],
    dependencies: pick(DEPENDENCIES, ""),
    peerDependencies: pick(PEERS, "^"),
  };
}

async function copySources(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(ROOT + from)) {
    if (isDirectory) await copySources(`${from}/${name}`, `${to}/${name}`);
    else if (name.endsWith(".ts")) await Deno.copyFile(`${ROOT}${from}/${name}`, `${to}/${name}`);
  }
}

async function run(command: string, args: string[], cwd: string): Promise<string> {
  const output = await new Deno.Command(command, { args, cwd, stdin: "null" }).output();
  const [out, error] = [output.stdout, output.stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  if (!output.success) throw new Error(`${command} ${args[0]} failed: ${error || out}`);
  return out!;
}

if (import.meta.main) printLine((await packKit(`${ROOT}.data/kit`)).tarball);
