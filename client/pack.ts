/**
 * `deno task pack`: the client as an npm package, `.data/client/hopwire-client-<version>.tgz`: one file
 * for every runtime, its types, and nothing else. Says how large it is, and fails where that is too much.
 *
 * @module
 */

/** What a page may have to load for it, bytes after gzip. */
const MAX_GZIP_BYTES = 8 * 1_024;

const VERSION = "0.1.0";
const ROOT = new URL("../", import.meta.url).pathname;

/** What was made: the package's folder, the tarball, and the size of the code. */
export interface Packed {
  folder: string;
  tarball: string;
  bytes: number;
  gzipBytes: number;
}

/** Makes the package in a folder of its own. Throws where a step fails or the code is too large. */
export async function pack(out: string): Promise<Packed> {
  const folder = `${out}/package`;
  await Deno.mkdir(folder, { recursive: true });
  const entry = `${ROOT}client/mod.ts`;
  const args = ["bundle", "-q", "--platform", "browser", "--declaration", "--minify"];
  await run(Deno.execPath(), [...args, "-o", `${folder}/hopwire.js`, entry], ROOT);
  const types = await Deno.readTextFile(`${folder}/hopwire.d.ts`);
  // Of the contract only this name is left, in what is nobody's to call.
  const own = types.replace(/^import .* from ['"]\..*$/gm, "") +
    "\ntype ServerFrame = { readonly type: string };\n";
  await Deno.writeTextFile(`${folder}/hopwire.d.ts`, own);
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
    throw new Error(`the client is ${gzipBytes} bytes after gzip, ${MAX_GZIP_BYTES} at most`);
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
  const words = `${tarball}: ${bytes} bytes, ${gzipBytes} after gzip`;
  await Deno.stdout.write(new TextEncoder().encode(`${words}\n`));
}
