/**
 * Writes the files that Grafana reads, and the table of alerts in services/README.md, as part of
 * `deno task docs`. A test checks that they are up to date.
 *
 * @module
 */
import { stringify } from "yaml";
import { alertCells, alertRules } from "./alerts.ts";
import { dashboard, DASHBOARD_UID, PANEL_IDS } from "./dashboard.ts";

const HERE = new URL(".", import.meta.url).pathname;

await Deno.writeTextFile(`${HERE}dashboard.json`, JSON.stringify(dashboard()));
await Deno.writeTextFile(
  `${HERE}alerts.yaml`,
  `# Written by "deno task docs" from alerts.ts.\n${
    stringify(alertRules(DASHBOARD_UID, PANEL_IDS))
  }`,
);
const README = `${HERE}../../README.md`;
const [begin, end] = [
  '<!-- begin: alerts, written by "deno task docs" -->',
  "<!-- end: alerts -->",
];
const text = await Deno.readTextFile(README);
if (!text.includes(begin) || !text.includes(end)) throw new Error(`${README} has lost its markers`);
const [titles, ...rows] = alertCells();
const table = [titles!, titles!.map(() => "---"), ...rows].map((cells) =>
  `| ${cells.join(" | ")} |`
);
await Deno.writeTextFile(
  README,
  `${text.slice(0, text.indexOf(begin))}${begin}\n\n${table.join("\n")}\n\n${
    text.slice(text.indexOf(end))
  }`,
);
const { success } = await new Deno.Command(Deno.execPath(), {
  args: ["fmt", "-q", `${HERE}dashboard.json`, `${HERE}alerts.yaml`, README],
}).output();
if (!success) throw new Error("deno fmt failed");
