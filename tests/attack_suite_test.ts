/** The list of attacks names tests that exist. */
import assert from "node:assert/strict";
import { ROOT } from "./harness/root.ts";

Deno.test("every test that ATTACKS.md names exists", async () => {
  const document = await Deno.readTextFile(`${ROOT}tests/ATTACKS.md`);
  const text = document.replace(/\s+/g, " ");
  const found = [...text.matchAll(/\]\((\S+_test\.ts)\)((?: "[^"]+")+)/g)];
  assert.ok(found.length > 40, `${found.length} references`);
  for (const [, link, names] of found) {
    const file = new URL(link!, `file://${ROOT}tests/`);
    const code = await Deno.readTextFile(file);
    for (const [, name] of names!.matchAll(/"([^"]+)"/g)) {
      assert.ok(code.includes(name!), `${link} has no test "${name}"`);
    }
  }
  // Each row names at least one.
  const [attacks] = document.split("## Everything else");
  for (const row of attacks!.split("\n")) {
    if (!row.startsWith("|") || /^\| (attack|-+) /.test(row)) continue;
    assert.match(row, /_test\.ts\) "/, row);
  }
});
