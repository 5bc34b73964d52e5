/**
 * Writes the files that Grafana reads, as part of `deno task docs`. A test checks that they are up to date.
 *
 * @module
 */
import { stringify } from "yaml";
import { alertRules } from "./alerts.ts";
import { dashboard, DASHBOARD_UID } from "./dashboard.ts";

const HERE = new URL(".", import.meta.url).pathname;

await Deno.writeTextFile(`${HERE}dashboard.json`, JSON.stringify(dashboard()));
await Deno.writeTextFile(
  `${HERE}alerts.yaml`,
  `# Written by "deno task docs" from alerts.ts.\n${stringify(alertRules(DASHBOARD_UID))}`,
);
const { success } = await new Deno.Command(Deno.execPath(), {
  args: ["fmt", "-q", `${HERE}dashboard.json`, `${HERE}alerts.yaml`],
}).output();
if (!success) throw new Error("deno fmt failed");
