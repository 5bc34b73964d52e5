import assert from "node:assert/strict";
import { README, withReference } from "./config_reference.ts";
import { SERVICES, variablesOf } from "./flags.ts";
import { KNOWN_VARIABLES, SERVICE_GROUPS, START_GROUP, TELEMETRY_GROUP } from "./variables.ts";

Deno.test("the configuration reference in services/README.md is up to date", async () => {
  const text = await Deno.readTextFile(README);
  assert.equal(text, await withReference(text), 'run "deno task docs"');
});

Deno.test("the reference has every variable, each with a meaning and the values it accepts", async () => {
  const text = await Deno.readTextFile(README);
  const all = new Set([...SERVICES.flatMap(variablesOf), ...Object.keys(START_GROUP.variables)]);
  for (const name of [...all, ...Object.keys(TELEMETRY_GROUP.variables)]) {
    assert.ok(KNOWN_VARIABLES.has(name), name);
    assert.match(text, new RegExp(`^\\| \`${name}\` `, "m"));
  }
  for (const { variables } of [START_GROUP, ...SERVICE_GROUPS, TELEMETRY_GROUP]) {
    for (const [name, { description, range }] of Object.entries(variables)) {
      assert.match(description, /^[A-Z].*\.$/s, `${name} needs a description, in sentences`);
      assert.ok(range, `${name} needs a range`);
    }
  }
});

Deno.test("a number has a unit, unless it is a port or a ratio", () => {
  for (const { variables } of [START_GROUP, ...SERVICE_GROUPS]) {
    for (const [name, { range, unit }] of Object.entries(variables)) {
      const numeric = /^[\d,]+ to [\d,]+$/.test(range!) && range !== "0 to 1";
      if (numeric && !/PORT$/.test(name)) assert.ok(unit, `${name} needs a unit`);
    }
  }
});
