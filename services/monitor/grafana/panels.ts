/**
 * Panels of a Grafana dashboard, as its JSON model has them. No I/O.
 *
 * @module
 */

/** The data sources that grafana/otel-lgtm provisions: type and uid. */
export const PROMETHEUS = { type: "prometheus", uid: "prometheus" } as const;
/** Traces. */
export const TEMPO = { type: "tempo", uid: "tempo" } as const;
/** Logs. */
export const LOKI = { type: "loki", uid: "loki" } as const;

/** The width of a dashboard, in Grafana's columns. */
const COLUMNS = 24;

/** How often processes export, at least; `$__rate_interval` is four times this. */
const EXPORT_INTERVAL = "15s";

/** One query of a panel: its legend and its PromQL. */
export type Query = readonly [legend: string, expr: string];

/** A panel without its place. */
export interface Panel {
  title: string;
  width: number;
  height: number;
  body: Record<string, unknown>;
}

/** A row: its title and its panels, which are placed from left to right. */
export interface Row {
  title: string;
  collapsed?: boolean;
  panels: Panel[];
}

/** Looks of a panel. */
interface Looks {
  /** Grafana's name of the unit. */
  unit?: string;
  width?: number;
  height?: number;
  /** What it shows, for who has not read the documentation. */
  description: string;
  /** Draws a line here: what alerts. */
  threshold?: number;
  stack?: boolean;
  max?: number;
  logarithmic?: boolean;
}

function target([legend, expr]: Query, index: number, more: Record<string, unknown> = {}) {
  return {
    refId: String.fromCharCode(65 + index),
    datasource: PROMETHEUS,
    expr,
    legendFormat: legend,
    ...more,
  };
}

function thresholds(at: number | undefined) {
  const steps = [{ color: "green", value: null as number | null }];
  if (at !== undefined) steps.push({ color: "red", value: at });
  return { mode: "absolute", steps };
}

/** Curves over time. */
export function timeSeries(title: string, looks: Looks, ...queries: Query[]): Panel {
  const { unit = "short", width = 8, height = 8, description, threshold, stack, max } = looks;
  return {
    title,
    width,
    height,
    body: {
      type: "timeseries",
      description,
      datasource: PROMETHEUS,
      interval: EXPORT_INTERVAL,
      fieldConfig: {
        defaults: {
          unit,
          min: looks.logarithmic ? undefined : 0,
          max,
          thresholds: thresholds(threshold),
          custom: {
            fillOpacity: stack ? 30 : 6,
            lineWidth: 1,
            showPoints: "never",
            stacking: { mode: stack ? "normal" : "none" },
            thresholdsStyle: { mode: threshold === undefined ? "off" : "dashed" },
            ...looks.logarithmic && { scaleDistribution: { type: "log", log: 10 } },
          },
        },
        overrides: [],
      },
      options: {
        legend: { displayMode: "list", placement: "bottom", showLegend: true },
        tooltip: { mode: "multi", sort: "desc" },
      },
      targets: queries.map((query, index) => target(query, index)),
    },
  };
}

/** Present values. */
export function stat(title: string, looks: Looks, ...queries: Query[]): Panel {
  const { unit = "short", width = 4, height = 4, description, threshold } = looks;
  return {
    title,
    width,
    height,
    body: {
      type: "stat",
      description,
      datasource: PROMETHEUS,
      interval: EXPORT_INTERVAL,
      fieldConfig: { defaults: { unit, thresholds: thresholds(threshold) }, overrides: [] },
      options: {
        colorMode: "value",
        graphMode: "area",
        reduceOptions: { calcs: ["lastNotNull"] },
        textMode: queries.length > 1 ? "value_and_name" : "value",
      },
      targets: queries.map((query, index) => target(query, index)),
    },
  };
}

/** How many durations fell into which bucket, over time. */
export function heatMap(title: string, looks: Looks, expr: string): Panel {
  const { width = 12, height = 8, description } = looks;
  return {
    title,
    width,
    height,
    body: {
      type: "heatmap",
      description,
      datasource: PROMETHEUS,
      interval: EXPORT_INTERVAL,
      options: {
        calculate: false,
        cellGap: 1,
        color: { mode: "scheme", scheme: "Oranges", steps: 64 },
        filterValues: { le: 1e-9 },
        tooltip: { mode: "single", yHistogram: true },
        yAxis: { unit: "s" },
      },
      targets: [target(["{{le}}", expr], 0, { format: "heatmap" })],
    },
  };
}

/** A table with a row for each value of `label`, and a column for each query. */
export function table(
  title: string,
  label: string,
  looks: Looks,
  ...columns: [title: string, expr: string, unit?: string][]
): Panel {
  const { unit = "short", width = 24, height = 9, description, threshold } = looks;
  const refId = (index: number) => String.fromCharCode(65 + index);
  return {
    title,
    width,
    height,
    body: {
      type: "table",
      description,
      datasource: PROMETHEUS,
      interval: EXPORT_INTERVAL,
      fieldConfig: {
        defaults: { unit, thresholds: thresholds(threshold) },
        overrides: columns.map(([, , own], index) => ({
          matcher: { id: "byName", options: `Value #${refId(index)}` },
          properties: [
            ...own === undefined ? [] : [{ id: "unit", value: own }],
            ...own === undefined && threshold !== undefined
              ? [{ id: "custom.cellOptions", value: { type: "color-text" } }]
              : [],
          ],
        })),
      },
      transformations: [
        { id: "joinByField", options: { byField: label, mode: "outer" } },
        {
          id: "organize",
          options: {
            excludeByName: Object.fromEntries(
              ["Time", ...columns.map((_, index) => `Time ${index + 1}`)].map((key) => [key, true]),
            ),
            renameByName: Object.fromEntries(
              columns.map(([name], index) => [`Value #${refId(index)}`, name]),
            ),
          },
        },
      ],
      targets: columns.map(([name, expr], index) =>
        target([name, expr], index, { format: "table", instant: true, range: false })
      ),
    },
  };
}

/** Traces that a TraceQL query finds. */
export function traces(title: string, description: string, query: string): Panel {
  return {
    title,
    width: 12,
    height: 10,
    body: {
      type: "table",
      description,
      datasource: TEMPO,
      targets: [{
        refId: "A",
        datasource: TEMPO,
        queryType: "traceql",
        query,
        limit: 50,
        tableType: "traces",
      }],
    },
  };
}

/** Lines of logs that a LogQL query finds. */
export function logs(title: string, description: string, expr: string): Panel {
  return {
    title,
    width: COLUMNS,
    height: 12,
    body: {
      type: "logs",
      description,
      datasource: LOKI,
      options: {
        showTime: true,
        wrapLogMessage: true,
        enableLogDetails: true,
        sortOrder: "Descending",
      },
      targets: [{ refId: "A", datasource: LOKI, queryType: "range", expr }],
    },
  };
}

/** Returns the panels of rows with their ids and places. */
export function placed(rows: readonly Row[]): Record<string, unknown>[] {
  const found: Record<string, unknown>[] = [];
  let id = 1;
  let y = 0;
  for (const { title, collapsed = false, panels } of rows) {
    const row: Record<string, unknown> = {
      id: id++,
      type: "row",
      title,
      collapsed,
      gridPos: { x: 0, y: y++, w: COLUMNS, h: 1 },
      panels: [],
    };
    found.push(row);
    let [x, tallest] = [0, 0];
    const inside: Record<string, unknown>[] = [];
    for (const { title, width, height, body } of panels) {
      if (x + width > COLUMNS) {
        y += tallest;
        [x, tallest] = [0, 0];
      }
      inside.push({ id: id++, title, gridPos: { x, y, w: width, h: height }, ...body });
      x += width;
      tallest = Math.max(tallest, height);
    }
    y += tallest;
    if (collapsed) row.panels = inside;
    else found.push(...inside);
  }
  return found;
}
