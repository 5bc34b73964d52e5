/**
 * `deno task bench [--scenario A,B] [--seconds N] [--minutes N] [--quick] [--no-baseline] [--json FILE]`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { findOnPath } from "../../services/start/nats_server.ts";
import { bench, type Scenario, SCENARIOS } from "./bench.ts";
import { allowedCores } from "./processes.ts";
import { table } from "./report.ts";
import { FULL, QUICK } from "./scenarios.ts";

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

const { values } = parseArgs({
  args: Deno.args,
  options: {
    scenario: { type: "string", default: SCENARIOS.join(",") },
    seconds: { type: "string" },
    minutes: { type: "string" },
    quick: { type: "boolean", default: false },
    "no-baseline": { type: "boolean", default: false },
    json: { type: "string" },
    "server-core": { type: "string" },
    "load-core": { type: "string" },
  },
});
const scenarios = values.scenario.split(",") as Scenario[];
const unknown = scenarios.filter((name) => !SCENARIOS.includes(name));
const sizes = { ...(values.quick ? QUICK : FULL) };
if (values.seconds !== undefined) sizes.seconds = Number(values.seconds);
if (values.minutes !== undefined) sizes.churn = Number(values.minutes) * 60;
if (unknown.length > 0 || !(sizes.seconds > 0) || !(sizes.churn > 0)) {
  say(
    `usage: deno task bench [--scenario A,B] [--seconds N] [--minutes N] [--quick] [--no-baseline] [--json FILE]`,
  );
  say(
    `scenarios: ${SCENARIOS.join(", ")}${unknown.length > 0 ? `; not ${unknown.join(", ")}` : ""}`,
  );
  Deno.exit(2);
}
if (Deno.build.os !== "linux" || await findOnPath("taskset") === null) {
  say("the bench needs Linux and taskset (from util-linux), which pins processes to cores");
  Deno.exit(1);
}
const [first, second] = allowedCores();
if (second === undefined) {
  say("the bench needs two cores: one for the server side, one for the load");
  Deno.exit(1);
}
const results = await bench({
  scenarios,
  sizes,
  baseline: !values["no-baseline"],
  serverCore: Number(values["server-core"] ?? first),
  loadCore: Number(values["load-core"] ?? second),
  say,
});
const model = /model name\s*:\s*(.*)/.exec(await Deno.readTextFile("/proc/cpuinfo"))?.[1] ?? "";
const machine = `${model}, ${navigator.hardwareConcurrency} cores`;
const date = new Date().toISOString().slice(0, 10);
say(`\n${date}, ${machine}, Deno ${Deno.version.deno}\n\n${table(results)}`);
if (values.json !== undefined) {
  const report = { date, machine, deno: Deno.version.deno, sizes, results };
  await Deno.writeTextFile(values.json, JSON.stringify(report, null, 2) + "\n");
  say(`\nfull results in ${values.json}`);
}
Deno.exit(0);
