/**
 * Who may import whom. Imports point down only, no service imports another, nothing imports in a
 * circle, and no file grows past its limit. Services are discovered, not listed: a new folder with a
 * `main.ts` is checked as soon as it exists.
 */
import assert from "node:assert/strict";
import { ROOT } from "./harness/root.ts";

/** Lines after which a source file asks to be two. */
const MAX_LINES = 300;

/** Layers inside the gateway, lowest first. A file may import its own layer and those below. */
const GATEWAY_LAYERS = ["wire", "room", "session", "transport"];

interface Import {
  from: string;
  specifier: string;
}

/** Every TypeScript file below a folder. */
async function sourcesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}/${name}`;
    // The bundled demo page is not a source.
    if (isDirectory && name !== "dist" && name !== "node_modules") {
      found.push(...await sourcesOf(path));
    } else if (isFile && name.endsWith(".ts")) {
      found.push(path);
    }
  }
  return found.sort();
}

/** Tests may use the harness and more; a suite that several tests share is a test, too. */
function isTest(path: string): boolean {
  return path.endsWith("_test.ts") || path.endsWith("_suite.ts");
}

async function importsOf(folder: string): Promise<Import[]> {
  const found: Import[] = [];
  for (const from of await sourcesOf(folder)) {
    if (isTest(from)) continue;
    const text = (await Deno.readTextFile(ROOT + from)).replace(/\/\*[\s\S]*?\*\//g, "");
    for (const match of text.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)"([^"]+)"/g)) {
      found.push({ from, specifier: match[1]! });
    }
  }
  return found;
}

/** The path that a relative import leads to, from the root of the project. */
function targetOf({ from, specifier }: Import): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** The folders of services/ that run as a service: their `main.ts` calls `runService` or `runApp`. */
async function services(): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}services`)) {
    if (!isDirectory) continue;
    try {
      const text = await Deno.readTextFile(`${ROOT}services/${name}/main.ts`);
      if (/\brun(Service|App)\(/.test(text)) found.push(name);
    } catch {
      // Not a process: contract, kit.
    }
  }
  return found.sort();
}

Deno.test("imports point down only, and no service imports another", async () => {
  const running = await services();
  assert.ok(running.length >= 4, `too few services were found: ${running}`);
  /** What each folder of services/ may import from its neighbours. */
  const allowed = (folder: string, target: string, file: string): boolean => {
    if (folder === target) return true;
    if (folder === "contract") return false;
    if (target === "contract") return true;
    if (running.includes(folder)) return target === "kit";
    // The start command and its commands know every service's variables, and nothing else of it.
    if (folder === "start") {
      return target === "kit" || (running.includes(target) && file === "config.ts");
    }
    return false;
  };
  const imports = await importsOf("services");
  assert.ok(imports.length > 50, "no imports were found: the test looks in the wrong place");
  for (const one of imports) {
    const { from, specifier } = one;
    if (!specifier.startsWith(".")) continue;
    const target = targetOf(one).split("/");
    // The demo page is a user of the client, in a browser, and a drill is one on the command line.
    const user = /^services\/(gateway\/demo|start\/commands\/drill)\//.test(from);
    if (user && target.join("/") === "client/mod.ts") continue;
    assert.equal(target[0], "services", `${from} imports ${specifier}`);
    assert.ok(allowed(from.split("/")[1]!, target[1]!, target[2]!), `${from} imports ${specifier}`);
  }
});

Deno.test("inside the gateway: transport above session above room above wire", async () => {
  const root = GATEWAY_LAYERS.length;
  /** The layer of a gateway's file: files of the gateway's own folder wire all layers together. */
  const layerOf = (path: string): number => {
    const folder = path.split("/")[2]!;
    return GATEWAY_LAYERS.includes(folder) ? GATEWAY_LAYERS.indexOf(folder) : root;
  };
  const seen = new Set<number>();
  for (const one of await importsOf("services/gateway")) {
    if (one.from.startsWith("services/gateway/demo/") || !one.specifier.startsWith(".")) continue;
    const target = targetOf(one);
    seen.add(layerOf(one.from));
    if (!target.startsWith("services/gateway/")) continue;
    assert.ok(layerOf(target) <= layerOf(one.from), `${one.from} imports ${one.specifier}`);
  }
  assert.equal(seen.size, root + 1, "a layer has no files: the test looks in the wrong place");
});

Deno.test("nothing imports in a circle", async () => {
  for (const folder of ["services", "client"]) {
    const edges = new Map<string, string[]>();
    for (const one of await importsOf(folder)) {
      if (!one.specifier.startsWith(".")) continue;
      edges.set(one.from, [...edges.get(one.from) ?? [], targetOf(one)]);
    }
    const done = new Set<string>();
    const visit = (file: string, path: string[]): void => {
      const at = path.indexOf(file);
      assert.ok(at < 0, `a circle of imports: ${[...path.slice(at), file].join(" -> ")}`);
      if (done.has(file)) return;
      for (const target of edges.get(file) ?? []) visit(target, [...path, file]);
      done.add(file);
    };
    for (const file of edges.keys()) visit(file, []);
    assert.ok(done.size > 10, `${folder}: no imports were found`);
  }
});

Deno.test(`no source file has more than ${MAX_LINES} lines`, async () => {
  for (const folder of ["services", "client", "tests"]) {
    for (const path of await sourcesOf(folder)) {
      const lines = (await Deno.readTextFile(ROOT + path)).split("\n").length - 1;
      assert.ok(lines <= MAX_LINES, `${path} has ${lines} lines`);
    }
  }
});

Deno.test("the client needs nothing: of the services it takes the contract's types alone", async () => {
  for (const { from, specifier } of await importsOf("client")) {
    // What builds the package runs in Deno, and the rest is not part of the client.
    if (/^client\/(pack\.ts|pack\/|react\/|examples\/)/.test(from)) continue;
    if (specifier.startsWith("./")) {
      assert.doesNotMatch(specifier, /^\.\/(pack|react|examples)\b/, from);
      continue;
    }
    assert.equal(specifier, "../services/contract/frames.ts", `${from} imports ${specifier}`);
    const text = await Deno.readTextFile(ROOT + from);
    assert.match(
      text,
      /^import type \{[^}]*\} from "\.\.\/services\/contract\/frames\.ts";$/m,
      from,
    );
  }
});

Deno.test("the hooks need React alone, and of the client its public types", async () => {
  for (const { from, specifier } of await importsOf("client/react")) {
    if (specifier.startsWith("./") || specifier === "react") continue;
    assert.equal(specifier, "../mod.ts", from);
    assert.match(
      await Deno.readTextFile(ROOT + from),
      /^import type \{[^}]*\} from "\.\.\/mod\.ts";$/m,
    );
  }
});

Deno.test("the contract imports nothing but zod, and does no I/O", async () => {
  for (const one of await importsOf("services/contract")) {
    const inside = one.specifier.startsWith(".") && targetOf(one).startsWith("services/contract/");
    assert.ok(inside || one.specifier === "zod", `${one.from} imports ${one.specifier}`);
  }
  for (const path of await sourcesOf("services/contract")) {
    if (isTest(path)) continue;
    const text = await Deno.readTextFile(ROOT + path);
    assert.doesNotMatch(text, /\bDeno\.|\bfetch\(|(?<![".])\bprocess\./, path);
  }
});

Deno.test("packages are named in deno.json alone", async () => {
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const all = [...await importsOf("services"), ...await importsOf("tests")];
  for (const { from, specifier } of all) {
    if (specifier.startsWith(".") || specifier.startsWith("node:")) continue;
    // A part of a package ("hono/cors") is named by its package.
    const name = specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
    assert.ok(Object.hasOwn(imports, name), `${from} imports ${specifier}`);
  }
});

Deno.test("main.ts of a service reads config, wires and runs, nothing else", async () => {
  for (const service of await services()) {
    const text = await Deno.readTextFile(`${ROOT}services/${service}/main.ts`);
    assert.ok(text.split("\n").length <= 45, `services/${service}/main.ts is long`);
  }
});
