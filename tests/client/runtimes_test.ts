/** Runs the client's suite in every installed runtime. */
import assert from "node:assert/strict";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { findRuntimes, RUNTIME_FOLDER } from "../harness/runtimes.ts";
import { startControlledSystem } from "./controlled_system.ts";

/** How long the suite may take in one runtime, milliseconds. It takes about ten seconds. */
const SUITE_TIMEOUT_MS = 120_000;

const runtimes = await findRuntimes();

Deno.test("the client passes its suite in Deno, Node and Bun", async (t) => {
  await Deno.mkdir(RUNTIME_FOLDER, { recursive: true });
  const suite = `${RUNTIME_FOLDER}/suite.mjs`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "-q", "--platform", "deno", "-o", suite, `${ROOT}tests/client/suite.ts`],
    cwd: ROOT,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  for (const { name, command, args } of runtimes) {
    await t.step(name, async () => {
      await using system = await startControlledSystem();
      await using run = startProcess(command, [...args, suite, system.address]);
      const { code } = await run.status(SUITE_TIMEOUT_MS);
      const text = run.output.join("\n");
      assert.equal(code, 0, text);
      assert.match(text, /^all passed$/m);
    });
  }
});
