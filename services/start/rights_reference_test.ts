import assert from "node:assert/strict";
import { KIT_README, withNeeds } from "./own/needs_reference.ts";
import { PROTOCOL, withRights } from "./rights_reference.ts";

Deno.test("the table of rights in PROTOCOL.md is up to date", async () => {
  const text = await Deno.readTextFile(PROTOCOL);
  assert.equal(text, await withRights(text), 'run "deno task docs"');
});

Deno.test("the table of needs in services/kit/README.md is up to date", async () => {
  const text = await Deno.readTextFile(KIT_README);
  assert.equal(text, await withNeeds(text), 'run "deno task docs"');
});
