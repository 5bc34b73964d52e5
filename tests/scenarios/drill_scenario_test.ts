/** `deno task drill`: an operator practises a disaster on a running system. */
import assert from "node:assert/strict";
import { DRILLS } from "../../services/start/commands/drill/drills.ts";
import { codeBlock } from "../harness/code_blocks.ts";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { readRunFile, startAll } from "../harness/start.ts";

/** How long a drill may take on a busy machine, milliseconds. */
const DRILL_MS = 120_000;

async function drill(env: Record<string, string>, ...names: string[]) {
  const process = startProcess(Deno.execPath(), ["task", "drill", ...names], { env, cwd: ROOT });
  const { code } = await process.status(DRILL_MS);
  return { code, output: process.output };
}

/** The numbers of a line of the table. */
function figures(output: readonly string[], what: string): number[] {
  const line = output.find((one) => one.startsWith(what));
  assert.ok(line !== undefined, output.join("\n"));
  return [...line.slice(what.length).matchAll(/[\d.]+/g)].map(Number);
}

Deno.test("services/README.md names every drill", async () => {
  const block = await codeBlock("services/README.md", "## Drills", "sh");
  const names = block.replaceAll("deno task drill", "").match(/[a-z]+(-stall)?/g)!
    .filter((word) => !["or", "for", "five", "seconds"].includes(word));
  assert.deepEqual(names.toSorted(), [...Object.keys(DRILLS), "all"].sort());
});

Deno.test("a drill strikes, waits until all is well, and counts what was lost", async () => {
  await using system = await startAll({ MONITOR: "false" });
  const { code, output } = await drill(system.env, "gateway", "persistence-stall");
  assert.equal(code, 0, output.join("\n"));

  // The document shows the table as it is printed.
  const [command, header, ...rows] = (await codeBlock("services/README.md", "## Drills", "console"))
    .trimEnd().split("\n");
  assert.equal(command, "$ deno task drill all");
  const titles = output.map((line) => line.trim().split(/ {2,}/).join("|"));
  assert.ok(titles.includes(header!.trim().split(/ {2,}/).join("|")), output.join("\n"));
  assert.equal(rows.length, Object.keys(DRILLS).length);
  for (const { what } of Object.values(DRILLS)) assert.equal(figures(rows, what).length, 8, what);

  const killed = figures(output, "kill -9 of gateway");
  const [acked, lost, twice, ack, delivery] = killed;
  assert.equal(killed.length, 8, output.join("\n"));
  assert.ok(acked! > 0 && lost === 0 && twice === 0, output.join("\n"));
  // Whoever is cut off waits at least until the gateway is started again.
  assert.ok(ack! >= 0.2 && delivery! >= 0.2, output.join("\n"));
  assert.notEqual((await readRunFile(system.folder)).pids.gateway, system.file.pids.gateway);

  // Messages do not wait for the archive, and pages of it do.
  const [, lostThen, , ackThen, , , page] = figures(output, "persistence stands still for 5 s");
  assert.equal(lostThen, 0);
  assert.ok(ackThen! < page! && page! >= 1, output.join("\n"));
});

Deno.test("a drill says what it lacks", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-drill-" });
  const [wrong, none] = await Promise.all([
    drill({ DATA_DIR: folder }, "moon"),
    drill({ DATA_DIR: folder }, "nats"),
  ]);
  assert.equal(wrong.code, 64);
  assert.match(
    wrong.output.join("\n"),
    /moon: no such drill\nusage: deno task drill gateway\|nats/,
  );
  assert.equal(none.code, 1);
  assert.match(none.output.join("\n"), /kill -9 of nats: no running system: .*run\.json/);
  await Deno.remove(folder, { recursive: true });
});
