import assert from "node:assert/strict";
import { HOPS, type MetricInfo, METRICS } from "../contract/mod.ts";
import { README } from "./config_reference.ts";
import { withMetrics } from "./metrics_reference.ts";

Deno.test("the tables of hops and metrics in services/README.md are up to date", async () => {
  const text = await Deno.readTextFile(README);
  assert.equal(text, await withMetrics(text), 'run "deno task docs"');
});

Deno.test("each hop and metric has its row, and says what it is", async () => {
  const text = await Deno.readTextFile(README);
  for (const name of [...Object.keys(HOPS), ...Object.keys(METRICS)]) {
    assert.match(text, new RegExp(`^\\| \`${name.replaceAll(".", "\\.")}\` `, "m"), name);
  }
  for (const [name, { description, unit, kind }] of Object.entries<MetricInfo>(METRICS)) {
    assert.match(description, /^[A-Z\d].*[^.]$/, `${name} needs a description`);
    assert.match(unit, /^(s|By|1|\{[a-z]+\})$/, `${name} has the unit ${unit}`);
    if (kind === "histogram") assert.equal(unit, "s", name);
  }
});
