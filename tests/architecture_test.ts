/** Who may import whom: imports point down only, and no service imports another. */
import assert from "node:assert/strict";
import { ROOT } from "./harness/root.ts";

const SERVICES = ["auth", "gateway", "persistence", "rooms"];

/** What each folder of services/ may import from its neighbours. */
function allowed(folder: string, target: string, file: string): boolean {
  if (folder === target) return true;
  if (folder === "contract") return false;
  if (folder === "kit") return target === "contract";
  if (SERVICES.includes(folder)) return target === "contract" || target === "kit";
  // The start command knows every service's variables, and nothing else of it.
  if (folder === "start") {
    return target === "kit" || (SERVICES.includes(target) && file === "config.ts");
  }
  return false;
}

interface Import {
  from: string;
  specifier: string;
}

async function importsOf(folder: string): Promise<Import[]> {
  const found: Import[] = [];
  for await (const entry of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) found.push(...await importsOf(path));
    // Tests stand outside the house: they may use the harness.
    if (!entry.isFile || !path.endsWith(".ts") || path.endsWith("_test.ts")) continue;
    const text = (await Deno.readTextFile(ROOT + path)).replace(/\/\*[\s\S]*?\*\//g, "");
    for (const match of text.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)"([^"]+)"/g)) {
      found.push({ from: path, specifier: match[1]! });
    }
  }
  return found;
}

Deno.test("imports point down only, and no service imports another", async () => {
  const imports = await importsOf("services");
  assert.ok(imports.length > 50, "no imports were found: the test looks in the wrong place");
  for (const { from, specifier } of imports) {
    if (!specifier.startsWith(".")) continue;
    const target = new URL(specifier, `file:///${from}`).pathname.slice(1).split("/");
    const folder = from.split("/")[1]!;
    // A suite of tests that two test files share is a test too.
    if (from.endsWith("_suite.ts")) continue;
    // The demo page is a user of the client, in a browser.
    if (from.startsWith("services/gateway/demo/") && target.join("/") === "client/mod.ts") continue;
    assert.equal(target[0], "services", `${from} imports ${specifier}`);
    assert.ok(allowed(folder, target[1]!, target[2]!), `${from} imports ${specifier}`);
  }
});

Deno.test("the client needs nothing: of the house it takes the contract's types alone", async () => {
  for (const { from, specifier } of await importsOf("client")) {
    if (specifier.startsWith("./")) continue;
    assert.equal(specifier, "../services/contract/frames.ts", `${from} imports ${specifier}`);
    const text = await Deno.readTextFile(ROOT + from);
    assert.match(
      text,
      /^import type \{[^}]*\} from "\.\.\/services\/contract\/frames\.ts";$/m,
      from,
    );
  }
});

Deno.test("the contract imports nothing but zod, and does no I/O", async () => {
  for (const { from, specifier } of await importsOf("services/contract")) {
    assert.ok(specifier.startsWith("./") || specifier === "zod", `${from} imports ${specifier}`);
  }
  for await (const { name } of Deno.readDir(`${ROOT}services/contract`)) {
    if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(`${ROOT}services/contract/${name}`);
    assert.doesNotMatch(text, /\bDeno\.|\bfetch\(|\bprocess\./, name);
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
  for (const service of SERVICES) {
    const text = await Deno.readTextFile(`${ROOT}services/${service}/main.ts`);
    assert.ok(text.split("\n").length <= 45, `services/${service}/main.ts is long`);
    assert.match(text, /runService\(/);
  }
});
