/**
 * `deno task pack` builds the client as an npm package, `.data/client/hopwire-client-<version>.tgz`:
 * one JavaScript file for every runtime, a second one with the fallback transports, which is loaded
 * when it is needed, the hooks for React, and type declarations. Prints the size, and fails if the
 * first file is too large.
 *
 * @module
 */
import { VERSION } from "../services/contract/micro.ts";
import { writeDeclarations } from "./pack/declarations.ts";
import { packageDocument } from "./pack/documents.ts";

/** Largest size after gzip, bytes, of the JavaScript that every page loads: all but fallback and React. */
export const MAX_GZIP_BYTES = 10 * 1_024;

const ROOT = new URL("../", import.meta.url).pathname;

/** The documents of the package: their path in the repository, and their name in the package. */
const DOCUMENTS: Record<string, string> = {
  "client/README.md": "README.md",
  "services/contract/PROTOCOL.md": "PROTOCOL.md",
};

/** The modules that applications import: their source and where the package exports them. */
const ENTRIES = [
  { source: "mod.ts", name: "hopwire", path: "." },
  { source: "react/mod.ts", name: "react", path: "./react" },
];

/** A package that was built. */
export interface Packed {
  /** Path of the package's unpacked folder. */
  folder: string;
  /** Path of the tarball. */
  tarball: string;
  /** Size of the JavaScript that every page loads, bytes. */
  bytes: number;
  /** Its size after gzip, bytes. */
  gzipBytes: number;
  /** The size of all JavaScript files after gzip, bytes, by name. */
  files: Record<string, number>;
}

/**
 * Builds the package in the folder `out` and returns where it is and how large.
 *
 * @throws {Error} a command failed, or the JavaScript exceeds {@link MAX_GZIP_BYTES}
 */
export async function pack(out: string): Promise<Packed> {
  const folder = `${out}/package`;
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  const sources = ENTRIES.map(({ source }) => source);
  await Promise.all([
    ...ENTRIES.map(({ source, name }) => bundle(source, name, folder)),
    writeDeclarations(`${ROOT}client/`, sources, `${folder}/types`),
  ]);
  for (const [path, name] of Object.entries(DOCUMENTS)) {
    const text = packageDocument(await Deno.readTextFile(ROOT + path), path, DOCUMENTS);
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  await Deno.copyFile(`${ROOT}LICENSE`, `${folder}/LICENSE`);
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest(), null, 2) + "\n");
  const files: Record<string, number> = {};
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".js")) {
      files[name] = await gzipSize(await Deno.readFile(`${folder}/${name}`));
    }
  }
  const gzipBytes = files["hopwire.js"]!;
  if (gzipBytes > MAX_GZIP_BYTES) {
    throw new Error(`the client is ${gzipBytes} bytes after gzip, the limit is ${MAX_GZIP_BYTES}`);
  }
  const { size: bytes } = await Deno.stat(`${folder}/hopwire.js`);
  const name = (await run("npm", ["pack", "--silent", "--pack-destination", out], folder)).trim();
  return { folder, tarball: `${out}/${name}`, bytes, gzipBytes, files };
}

/** What npm must know. */
function manifest(): object {
  const exported = ENTRIES.map(({ source, name, path }) => [path, {
    types: `./types/${source.replace(/\.ts$/, ".d.ts")}`,
    default: `./${name}.js`,
  }]);
  return {
    name: "@hopwire/client",
    version: VERSION,
    description: "Client of Hopwire: realtime rooms with history and exact recovery",
    license: "MIT",
    type: "module",
    sideEffects: false,
    engines: { node: ">=20" },
    exports: Object.fromEntries(exported),
    types: "./types/mod.d.ts",
    files: ["*.js", "types", ...Object.values(DOCUMENTS)],
    peerDependencies: { react: ">=19" },
    peerDependenciesMeta: { react: { optional: true } },
  };
}

/** Bundles a module with everything that it imports, except React, to `<name>.js`. */
async function bundle(source: string, name: string, folder: string): Promise<void> {
  const temporary = await Deno.makeTempDir({ prefix: "hopwire-pack-" });
  try {
    const flags = ["--platform", "browser", "--minify", "--code-splitting", "--external", "react"];
    const args = ["bundle", "-q", ...flags, "--outdir", temporary, `${ROOT}client/${source}`];
    await run(Deno.execPath(), args, ROOT);
    for await (const file of Deno.readDir(temporary)) {
      if (file.name.startsWith("chunk-")) {
        throw new Error(`${source}: what is shared is a third file`);
      }
      const target = file.name === "mod.js" ? `${name}.js` : file.name;
      await Deno.copyFile(`${temporary}/${file.name}`, `${folder}/${target}`);
    }
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

async function gzipSize(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}

async function run(command: string, args: string[], cwd: string): Promise<string> {
  const output = await new Deno.Command(command, { args, cwd, stdin: "null" }).output();
  const [out, error] = [output.stdout, output.stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  if (!output.success) throw new Error(`${command} ${args[0]} failed: ${error || out}`);
  return out!;
}

if (import.meta.main) {
  const { tarball, bytes, gzipBytes, files } = await pack(Deno.args[0] ?? `${ROOT}.data/client`);
  const { "hopwire.js": _, ...others } = files;
  const more = Object.entries(others).map(([name, size]) => `${name}: ${size} after gzip\n`);
  const summary = `${tarball}: ${bytes} bytes, ${gzipBytes} after gzip\n${more.join("")}`;
  await Deno.stdout.write(new TextEncoder().encode(summary));
}
