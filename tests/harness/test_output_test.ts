/** The gate's reading of `deno test`, on real runs of it. */
import assert from "node:assert/strict";
import { readCounts, readErrors } from "./test_output.ts";

/** Runs a file with these tests and returns what was printed. */
async function run(source: string): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/some_test.ts`, source);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--no-check", "--no-config", `${folder}/some_test.ts`],
      env: { NO_COLOR: "1" },
    }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("counts and the start of each error are read", async () => {
  const output = await run(`
    Deno.test("good", () => {});
    Deno.test({ name: "left out", ignore: true, fn() {} });
    Deno.test("first bad", () => { throw new Error("what is wrong" + "\\nline".repeat(200)); });
    Deno.test("second bad", () => { throw new Error("something else"); });
  `);
  assert.deepEqual(readCounts(output), [1, 2, 1]);
  const errors = readErrors(output);
  assert.match(errors[0]!, /^first bad => .*some_test\.ts:\d+:\d+$/);
  assert.match(errors[1]!, /what is wrong/);
  const second = errors.findIndex((line) => line.startsWith("second bad =>"));
  assert.ok(second > 0 && second < 20, `line ${second}`);
  assert.match(errors[second + 1]!, /something else/);
});

Deno.test("a run that breaks off shows its end", async () => {
  const output = await run("throw new Error('no test can run');");
  assert.ok(readErrors(output).some((line) => line.includes("no test can run")));
  assert.equal(readCounts("error: nothing"), null);
});
