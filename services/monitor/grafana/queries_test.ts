/** Every query of the dashboard and of the alert rules asks for what is exported. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import * as z from "zod";
import { parseQuery } from "../../../tests/harness/promql.ts";
import { ROOT } from "../../../tests/harness/root.ts";
import { findOnPath } from "../../start/nats_server.ts";
import { type MetricInfo, type MetricName, METRICS, SPAN_ATTRIBUTES } from "../../contract/mod.ts";
import { alertCells, alertRules, ALERTS } from "./alerts.ts";
import { dashboard, DASHBOARD_UID, PANEL_IDS } from "./dashboard.ts";
import {
  prometheusLabel,
  prometheusName,
  RESOURCE_LABELS,
  RUNTIME_SERIES,
  seriesNames,
} from "./prometheus_names.ts";

const HERE = `${ROOT}services/monitor/grafana/`;

const Target = z.object({
  datasource: z.object({ uid: z.string() }),
  expr: z.string().optional(),
  query: z.string().optional(),
  legendFormat: z.string().optional(),
  format: z.string().optional(),
});
const Panel = z.object({
  id: z.number(),
  title: z.string(),
  type: z.string(),
  description: z.string().optional(),
  gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  targets: z.array(Target).optional(),
});
const { panels } = z.object({ panels: z.array(Panel) })
  .parse(JSON.parse(await Deno.readTextFile(`${HERE}dashboard.json`)));
const Rules = z.object({
  groups: z.array(z.object({
    rules: z.array(z.object({
      uid: z.string(),
      title: z.string(),
      data: z.array(z.object({
        datasourceUid: z.string(),
        model: z.object({ expr: z.string().optional() }),
      })),
      annotations: z.record(z.string(), z.string()),
    })),
  })),
});
const [{ rules }] = Rules.parse(parse(await Deno.readTextFile(`${HERE}alerts.yaml`))).groups as [
  z.infer<typeof Rules>["groups"][number],
];

/** The metric of each series in Prometheus. */
const SERIES = new Map(
  (Object.keys(METRICS) as MetricName[]).flatMap((name) =>
    seriesNames(name).map((series) => [series, name] as const)
  ),
);

function labelsOf(series: string): string[] {
  const ofRuntime = RUNTIME_SERIES[series];
  if (ofRuntime !== undefined) return [...ofRuntime, ...RESOURCE_LABELS];
  const name = SERIES.get(series);
  if (name === undefined) throw new Error(`no metric is exported as ${series}`);
  const { attributes = [] }: MetricInfo = METRICS[name];
  const buckets = series.endsWith("_bucket") ? ["le"] : [];
  return [...attributes.map(prometheusLabel), ...RESOURCE_LABELS, ...buckets];
}

const targets = panels.flatMap(({ title, targets = [] }) =>
  targets.map((target) => ({ title, ...target }))
);
const promql = [
  ...targets.filter(({ datasource }) => datasource.uid === "prometheus")
    .map(({ title, expr, legendFormat = "" }) => ({ title, expr: expr!, text: legendFormat })),
  ...rules.map(({ title, data, annotations }) => ({
    title,
    expr: data[0]!.model.expr!,
    text: annotations.summary!,
  })),
];

Deno.test("names in Prometheus follow the rules of its OTLP receiver", () => {
  // As prometheus/otlptranslator 1.0.0 writes them.
  const names: Partial<Record<MetricName, string>> = {
    "hopwire.hop.duration": "hopwire_hop_duration_seconds",
    "hopwire.messages.received": "hopwire_messages_received_total",
    "hopwire.network.io": "hopwire_network_io_bytes_total",
    "hopwire.connections": "hopwire_connections",
    "hopwire.connections.time": "hopwire_connections_time_seconds_total",
    "hopwire.log.fullness": "hopwire_log_fullness_ratio",
    "hopwire.archive.position": "hopwire_archive_position_ratio",
    "process.cpu.time": "process_cpu_time_seconds_total",
    "process.memory.usage": "process_memory_usage_bytes",
    "hopwire.tokens.refused": "hopwire_tokens_refused_total",
  };
  for (const [name, expected] of Object.entries(names)) {
    assert.equal(prometheusName(name as MetricName), expected);
  }
  assert.equal(prometheusLabel("network.io.direction"), "network_io_direction");
  assert.equal(new Set(SERIES.keys()).size, SERIES.size, "two metrics have one name");
});

Deno.test("the files are up to date", async () => {
  const written = JSON.parse(await Deno.readTextFile(`${HERE}dashboard.json`));
  assert.deepEqual(written, JSON.parse(JSON.stringify(dashboard())), 'run "deno task docs"');
  const rules = parse(await Deno.readTextFile(`${HERE}alerts.yaml`));
  assert.deepEqual(rules, alertRules(DASHBOARD_UID, PANEL_IDS), 'run "deno task docs"');
  const readme = await Deno.readTextFile(`${ROOT}services/README.md`);
  const cells = readme.split("\n").map((line) =>
    line.split("|").slice(1, -1).map((one) => one.trim())
  );
  const lines = cells.map((line) => line.join("|"));
  for (const row of alertCells()) {
    assert.ok(lines.includes(row.join("|")), `${row[0]}: "deno task docs"`);
  }
});

Deno.test("each PromQL query selects metrics of the table, by labels that they have", () => {
  assert.ok(promql.length > 60, `only ${promql.length} queries were found`);
  for (const { title, expr, text } of promql) {
    const { selectors, labels } = parseQuery(expr, labelsOf);
    assert.ok(selectors.length > 0, `${title}: ${expr} selects nothing`);
    for (const { name, within, range } of selectors) {
      const kind = name in RUNTIME_SERIES ? "histogram" : METRICS[SERIES.get(name)!].kind;
      const rated = within === "rate" || within === "increase";
      assert.equal(rated, kind !== "gauge", `${title}: ${name} is a ${kind}: ${expr}`);
      assert.equal(range, rated || /_over_time|deriv/.test(within ?? ""), `${title}: ${expr}`);
    }
    const shown = text.matchAll(/\{\{(?:\s*\.Labels\.)?(\w+)\s*\}\}/g);
    for (const [, label] of shown) {
      assert.ok(labels.has(label!), `${title}: no ${label} in ${expr}`);
    }
  }
});

Deno.test("the parser refuses unknown metrics, labels and functions", () => {
  for (
    const query of [
      "sum(rate(hopwire_messages_total[5m]))",
      "sum by (room) (hopwire_connections)",
      'hopwire_connections{room="x"}',
      "sum by (transport) (sum(hopwire_connections))",
      "speed(hopwire_connections)",
      "sum(hopwire_connections",
      "sum(hopwire_connections))",
      "histogram_quantile(0.5, sum(rate(hopwire_hop_duration_seconds_bucket[5m])))",
    ]
  ) assert.throws(() => parseQuery(query, labelsOf), Error, query);
});

Deno.test("each metric is on the dashboard or in an alert", () => {
  const used = new Set(
    promql.flatMap(({ expr }) =>
      parseQuery(expr, labelsOf).selectors.map(({ name }) => SERIES.get(name))
    ),
  );
  const unused = (Object.keys(METRICS) as MetricName[]).filter((name) => !used.has(name));
  // Of the audit only its pace is shown.
  assert.deepEqual(unused, ["hopwire.archive.audit.position"]);
});

Deno.test("TraceQL and LogQL queries name attributes that exist", () => {
  const spans = new Set<string>(Object.values(SPAN_ATTRIBUTES));
  const traceql = targets.filter(({ datasource }) => datasource.uid === "tempo");
  assert.ok(traceql.length >= 4);
  for (const { query } of traceql) {
    assert.match(query!, /^\{ .+ \}$/);
    const named = [...query!.matchAll(/span\.([\w.]+)/g)].map(([, name]) => name!);
    assert.ok(named.length > 0 && named.every((name) => spans.has(name)), query);
  }
  const logql = targets.filter(({ datasource }) => datasource.uid === "loki");
  assert.ok(logql.length >= 2);
  for (const { expr } of logql) {
    assert.match(
      expr!,
      /^\{service_name=~"hopwire-\.\+"\}( \| (json level="level"|(trace_id|level) =~ "[^"]*"))+$/,
    );
  }
});

Deno.test("panels have ids and places of their own, and say what they show", () => {
  const ids = panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const { title, type, gridPos: { x, w }, description } of panels) {
    assert.ok(x + w <= 24, title);
    if (type !== "row") assert.match(description ?? "", /\.$/, title);
  }
  for (const [index, one] of panels.entries()) {
    for (const other of panels.slice(index + 1)) {
      const [a, b] = [one.gridPos, other.gridPos];
      const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
      assert.ok(apart, `${one.title} covers ${other.title}`);
    }
  }
});

Deno.test("alerts have uids of their own, a panel, and no template that Grafana would expand", () => {
  assert.equal(new Set(ALERTS.map(({ uid }) => uid)).size, ALERTS.length);
  for (const { panel, title } of ALERTS) {
    assert.ok(PANEL_IDS.has(panel), `${title}: no panel ${panel}`);
  }
  // Grafana expands variables of the environment in this file, differently from release to release.
  for (const { annotations } of rules) assert.doesNotMatch(JSON.stringify(annotations), /\$/);
});

const promtool = await findOnPath("promtool");

Deno.test({
  name: "promtool accepts every PromQL query (skipped without promtool)",
  ignore: promtool === null,
  async fn() {
    const file = await Deno.makeTempFile({ suffix: ".json" });
    try {
      const rules = promql.map(({ expr }, index) => ({
        record: `query:${index}`,
        expr: expr.replaceAll("$__rate_interval", "1m"),
      }));
      await Deno.writeTextFile(file, JSON.stringify({ groups: [{ name: "queries", rules }] }));
      const { success, stdout, stderr } = await new Deno.Command(promtool!, {
        args: ["check", "rules", file],
      }).output();
      const text = [stdout, stderr].map((part) => new TextDecoder().decode(part)).join("");
      assert.ok(success, text);
      assert.match(text, new RegExp(`${rules.length} rules found`));
    } finally {
      await Deno.remove(file);
    }
  },
});
