/** Public functions and types of contract, kit and client are documented, and links lead somewhere. */
import assert from "node:assert/strict";
import { ROOT } from "./harness/root.ts";

const MODULES = [
  "services/contract/mod.ts",
  "services/kit/mod.ts",
  "client/mod.ts",
  "client/react/mod.ts",
];

/** Folders with Markdown files whose links are checked. */
const DOCUMENTS = ["services", "client", "tests"];

Deno.test("everything that contract, kit and client export is documented", async () => {
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    // Types of npm packages are not ours to document.
    args: ["doc", "--lint", "--no-npm", ...MODULES],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const output = new TextDecoder().decode(stderr);
  const found = [...output.matchAll(/error\[([\w-]+)\]: (.*)\n\s*--> (\S+)/g)];
  // The types of schemas are inferred from them, so schemas carry no type
  // annotation. Nothing else may be without.
  const others = found.filter(([, rule, , at]) =>
    rule !== "missing-explicit-type" || !at!.includes("/services/contract/")
  );
  assert.deepEqual(others.map(([text]) => text), []);
  const total = Number(/Found (\d+) documentation lint error/.exec(output)?.[1] ?? 0);
  assert.equal(found.length, total, "the output was not understood");
});

Deno.test("links between documents lead somewhere", async () => {
  const files = ["README.md", ...(await Promise.all(DOCUMENTS.map(markdownOf))).flat()];
  assert.ok(files.length > 5, "no documents were found");
  for (const file of files) {
    const text = await Deno.readTextFile(ROOT + file);
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link!)) continue;
      const [path = "", anchor] = link!.split("#");
      const target = path === "" ? file : new URL(path, `file:///${file}`).pathname.slice(1);
      const stat = await Deno.stat(ROOT + target).catch(() => null);
      assert.ok(stat !== null, `${file} links to ${link}, which is not there`);
      if (anchor === undefined || !target.endsWith(".md")) continue;
      const headings = anchorsOf(await Deno.readTextFile(ROOT + target));
      assert.ok(headings.includes(anchor), `${file}: ${target} has no heading #${anchor}`);
    }
  }
});

async function markdownOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory && name !== "node_modules") found.push(...await markdownOf(path));
    else if (name.endsWith(".md")) found.push(path);
  }
  return found;
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")
  );
}
