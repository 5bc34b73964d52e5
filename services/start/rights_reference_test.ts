import assert from "node:assert/strict";
import { PROTOCOL, withRights } from "./rights_reference.ts";

Deno.test("the table of rights in PROTOCOL.md is up to date", async () => {
  const text = await Deno.readTextFile(PROTOCOL);
  assert.equal(text, await withRights(text), 'run "deno task docs"');
});
