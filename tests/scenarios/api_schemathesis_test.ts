/**
 * Schemathesis sends what the OpenAPI document allows, and what it does not, to the running API, and compares the
 * answers with the document.
 */
import assert from "node:assert/strict";
import { apiOf } from "../harness/api.ts";
import { findSchemathesis, runProgram } from "../harness/schemathesis.ts";
import { startSystem } from "../harness/system.ts";

/** How long a run may take, milliseconds. */
const RUN_MS = 600_000;

// deno-lint-ignore no-console
const schemathesis = await findSchemathesis((line) => console.log(line));

Deno.test({
  name: "Schemathesis finds nothing",
  ignore: schemathesis === null,
  async fn() {
    await using system = await startSystem({
      apis: 1,
      // Its limits have tests of their own.
      env: { api: { API_KEY_RATE: "1000000", API_KEY_CONCURRENT: "1000" } },
    });
    const { url, key } = await apiOf(system);
    const { success, text } = await runProgram(schemathesis!, [
      "run",
      `${url}/openapi.json`,
      "--header",
      `Authorization: Bearer ${key}`,
      "--checks",
      "all",
      "--max-examples",
      "30",
      "--continue-on-failure",
      "--no-color",
    ], { cwd: system.folder, deadline: RUN_MS });
    assert.ok(success, text.slice(-10_000));
    assert.match(text, /No issues found/);
    const { output } = system.apis[0]!.process;
    assert.deepEqual(output.filter((line) => line.includes('"level":"error"')), []);
  },
});
