/**
 * `deno task pack` builds the client as an npm package, `.data/client/hopwire-client-<version>.tgz`,
 * with one JavaScript file for every runtime and its type declarations. Prints the size, and fails if
 * the file is too large.
 *
 * @module
 */

/** Largest size of the JavaScript file after gzip, bytes: what a page loads. */
export const MAX_GZIP_BYTES = 10 * 1_024;

/** The package's version. */
const VERSION = "0.1.0";
const ROOT = new URL("../", import.meta.url).pathname;

/** A package that was built. */
export interface Packed {
  /** Path of the package's unpacked folder. */
  folder: string;
  /** Path of the tarball. */
  tarball: string;
  /** Size of the JavaScript file, bytes. */
  bytes: number;
  /** Size of the JavaScript file after gzip, bytes. */
  gzipBytes: number;
}

/**
 * Builds the package in the folder `out` and returns where it is and how large.
 *
 * @throws {Error} a command failed, or the JavaScript file exceeds {@link MAX_GZIP_BYTES}
 */
export async function pack(out: string): Promise<Packed> {
  const folder = `${out}/package`;
  await Deno.mkdir(folder, { recursive: true });
  const entry = `${ROOT}client/mod.ts`;
  const args = ["bundle", "-q", "--platform", "browser", "--declaration", "--minify"];
  await run(Deno.execPath(), [...args, "-o", `${folder}/hopwire.js`, entry], ROOT);
  const types = await Deno.readTextFile(`${folder}/hopwire.d.ts`);
  // Applications do not construct rooms. Hide the constructor, whose internal types are not included.
  const internal = /constructor\(session: RoomSession, client: RoomClient\);/;
  if (!internal.test(types)) {
    throw new Error("the declarations have no constructor of Room to hide");
  }
  const standalone = types.replace(internal, "private constructor();")
    .replace(/^import .* from ['"]\..*$/gm, "");
  await Deno.writeTextFile(`${folder}/hopwire.d.ts`, standalone);
  const manifest = {
    name: "@hopwire/client",
    version: VERSION,
    description: "Client of Hopwire: realtime rooms with history and exact recovery",
    license: "MIT",
    type: "module",
    sideEffects: false,
    engines: { node: ">=20" },
    exports: { ".": { types: "./hopwire.d.ts", default: "./hopwire.js" } },
    types: "./hopwire.d.ts",
    files: ["hopwire.js", "hopwire.d.ts"],
  };
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest, null, 2) + "\n");
  await Deno.copyFile(`${ROOT}client/README.md`, `${folder}/README.md`);
  await Deno.copyFile(`${ROOT}LICENSE`, `${folder}/LICENSE`);
  const code = await Deno.readFile(`${folder}/hopwire.js`);
  const gzipBytes = await gzipSize(code);
  if (gzipBytes > MAX_GZIP_BYTES) {
    throw new Error(`the client is ${gzipBytes} bytes after gzip, the limit is ${MAX_GZIP_BYTES}`);
  }
  const name = (await run("npm", ["pack", "--silent", "--pack-destination", out], folder)).trim();
  return { folder, tarball: `${out}/${name}`, bytes: code.length, gzipBytes };
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
  const { tarball, bytes, gzipBytes } = await pack(`${ROOT}.data/client`);
  const summary = `${tarball}: ${bytes} bytes, ${gzipBytes} after gzip\n`;
  await Deno.stdout.write(new TextEncoder().encode(summary));
}
