/**
 * `deno task bench` with the options of {@link USAGE}.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { findOnPath } from "../../services/start/nats_server.ts";
import { bench } from "./bench.ts";
import { type PeerName, PEERS } from "./peers.ts";
import { allowedCores } from "./processes.ts";
import { table } from "./report.ts";
import { type Scenario, SCENARIOS } from "./runs.ts";
import { FULL, QUICK } from "./scenarios.ts";

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

const USAGE = `usage: deno task bench [--scenario A,B] [--peers A,B] [--seconds N] [--minutes N]
         [--clients N] [--rate N] [--idle-wait SECONDS] [--quick] [--json FILE]`;

const { values } = parseArgs({
  args: Deno.args,
  options: {
    scenario: { type: "string", default: SCENARIOS.join(",") },
    seconds: { type: "string" },
    minutes: { type: "string" },
    quick: { type: "boolean", default: false },
    peers: { type: "string", default: PEERS.join(",") },
    clients: { type: "string" },
    rate: { type: "string" },
    "idle-wait": { type: "string" },
    json: { type: "string" },
    "server-core": { type: "string" },
    "load-core": { type: "string" },
  },
});
const scenarios = values.scenario.split(",") as Scenario[];
const peers = values.peers.split(",") as PeerName[];
const unknown = [
  ...scenarios.filter((name) => !SCENARIOS.includes(name)),
  ...peers.filter((name) => !PEERS.includes(name)),
];
const sizes = { ...(values.quick ? QUICK : FULL) };
if (values.seconds !== undefined) sizes.seconds = Number(values.seconds);
if (values.minutes !== undefined) sizes.churn = Number(values.minutes) * 60;
if (values.clients !== undefined) {
  sizes.joinStorm = sizes.openStorm = Number(values.clients);
}
if (values.rate !== undefined) sizes.openRate = Number(values.rate);
if (values["idle-wait"] !== undefined) sizes.idleWait = Number(values["idle-wait"]);
if (unknown.length > 0 || Object.values(sizes).some((size) => !(size > 0))) {
  say(`${USAGE}\nscenarios: ${SCENARIOS.join(", ")}\npeers: ${PEERS.join(", ")}`);
  if (unknown.length > 0) say(`unknown: ${unknown.join(", ")}`);
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
  peers,
  install: true,
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
