import assert from "node:assert/strict";
import { parseNamespaces } from "../contract/mod.ts";
import { rulesOf } from "./rules.ts";

const rules = (...namespaces: object[]) => rulesOf(parseNamespaces(JSON.stringify({ namespaces })));

Deno.test("equal rules have equal versions, whoever reads them", () => {
  assert.equal(rules({ pattern: "chat.*" }).version, rules({ pattern: "chat.*" }).version);
  // What is written out and what follows by default is the same.
  assert.equal(
    rules({ pattern: "chat.*" }).version,
    rules({ presence: "on", pattern: "chat.*" }).version,
  );
});

Deno.test("any difference is another version, the order of the namespaces included", () => {
  const [a, b] = [{ pattern: "a" }, { pattern: "b" }];
  const versions = [
    rules(),
    rules(a),
    rules(a, b),
    rules(b, a),
    rules({ ...a, presence: "off" }),
    rules({ ...a, stored: false }),
  ].map(({ version }) => version);
  assert.equal(new Set(versions).size, versions.length);
  for (const version of versions) assert.match(version, /^[\w-]{16}$/);
});
