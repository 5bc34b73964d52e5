/**
 * The dashboard that compose.yaml provisions in Grafana. `deno task docs` writes it to `dashboard.json`.
 * No I/O.
 *
 * @module
 */
import { SPAN_ATTRIBUTES } from "../../contract/mod.ts";
import {
  buckets,
  percentile,
  rate,
  recorded,
  SERVICE,
  total,
  value,
  type Where,
} from "./expressions.ts";
import {
  heatMap,
  logs,
  placed,
  PROMETHEUS,
  type Row,
  table,
  timeSeries,
  traces,
} from "./panels.ts";
import { apiRow, processRow, saturationRow } from "./process_rows.ts";
import { prometheusName } from "./prometheus_names.ts";
import { webhookRow } from "./webhook_row.ts";
import { listenerRow } from "./listener_row.ts";

/** The dashboard's uid, which its address has. */
export const DASHBOARD_UID = "hopwire";

const OF_NAMESPACE: Where = { namespace: '=~"$namespace"' };
const DELIVERY = "hopwire.delivery.duration";
const HOP = "hopwire.hop.duration";

/** p99 above which a chat no longer feels instant, and alerts fire; seconds. */
const SLOW_S = 0.2;

const percentiles = [[0.5, "p50"], [0.95, "p95"], [0.99, "p99"]] as const;

const hopsRow: Row = {
  title: "Hops: where the time of messages goes",
  panels: [
    timeSeries(
      "Delivery",
      {
        unit: "s",
        width: 12,
        threshold: SLOW_S,
        description: "From reading a frame to writing its message to the last member of a gateway.",
      },
      ...percentiles.map(([share, name]) =>
        [name, percentile(share, DELIVERY, [], OF_NAMESPACE)] as const
      ),
    ),
    heatMap(
      "Deliveries by duration",
      { description: "How many messages took how long. A second band is a second population." },
      buckets(DELIVERY, OF_NAMESPACE),
    ),
    table(
      "Hops",
      "hop",
      {
        unit: "s",
        width: 12,
        height: 10,
        threshold: SLOW_S,
        description: "Each hop now. The slowest row is where to look.",
      },
      ...percentiles.map(([share, name]) =>
        [name, percentile(share, HOP, ["hop"], OF_NAMESPACE)] as [string, string]
      ),
      ["per second", recorded(HOP, ["hop"], OF_NAMESPACE), "short"],
      ["failed", recorded(HOP, ["hop"], { ...OF_NAMESPACE, outcome: '!="ok"' }), "short"],
    ),
    timeSeries(
      "p99 by hop",
      {
        unit: "s",
        width: 12,
        height: 10,
        logarithmic: true,
        threshold: SLOW_S,
        description: "One in a hundred messages took longer than this for the hop.",
      },
      ["{{hop}}", percentile(0.99, HOP, ["hop"], OF_NAMESPACE)],
    ),
    ...([[0.95, "p95"], [0.5, "p50"]] as const).map(([share, name]) =>
      timeSeries(
        `${name} by hop`,
        { unit: "s", logarithmic: true, description: `${name} of each hop.` },
        ["{{hop}}", percentile(share, HOP, ["hop"], OF_NAMESPACE)],
      )
    ),
    timeSeries(
      "Requests on the bus, p99",
      {
        unit: "s",
        description:
          "What requests between services took: for who asked, and for who answered. The difference is the bus and the queue of who answers.",
      },
      [
        "asked {{messaging_destination_template}}",
        percentile(
          0.99,
          "messaging.client.operation.duration",
          ["messaging.destination.template"],
        ),
      ],
      [
        "answered {{messaging_destination_template}}",
        percentile(
          0.99,
          "messaging.process.duration",
          ["messaging.destination.template"],
        ),
      ],
    ),
  ],
};

const ratesRow: Row = {
  title: "Rates",
  panels: [
    timeSeries(
      "Connections",
      { description: "Open now by transport; all; their average; the sum of the gateways' peaks." },
      ["{{transport}}", total("hopwire.connections", ["transport"])],
      ["all", total("hopwire.connections")],
      ["average", rate("hopwire.connections.time")],
      ["peak", total("hopwire.connections.peak")],
    ),
    timeSeries(
      "Users and rooms",
      {
        description:
          "Summed over gateways: a user with connections to two gateways counts twice, as does a room with members on two.",
      },
      ["users", total("hopwire.users")],
      ["rooms", `sum(${value("hopwire.rooms", { [SERVICE]: '="hopwire-gateway"' })})`],
    ),
    timeSeries(
      "Connections opened and closed",
      { unit: "cps", description: "Closes by code; 1006 for connections that were lost." },
      ["opened", rate("hopwire.connections.opened")],
      ["closed {{code}}", rate("hopwire.connections.closed", ["code"])],
      ["failed: {{reason}}", rate("hopwire.handshakes.failed", ["reason"])],
    ),
    timeSeries(
      "Messages",
      {
        unit: "cps",
        description:
          "Accepted from clients, and handed to members: one for each message and member.",
      },
      ["in", rate("hopwire.messages.received")],
      ["out", rate("hopwire.messages.delivered")],
      ["frames in", rate("hopwire.frames.received")],
      ["slow", rate("hopwire.messages.slow")],
    ),
    timeSeries(
      "Bytes",
      { unit: "Bps", description: "Of frames exchanged with clients." },
      ["{{network_io_direction}}", rate("hopwire.network.io", ["network.io.direction"])],
    ),
    timeSeries(
      "Joins",
      { unit: "cps", description: "By outcome: `ok` or an error code." },
      ["{{outcome}}", rate("hopwire.joins", ["outcome"])],
    ),
    timeSeries(
      "Errors",
      { unit: "cps", stack: true, description: "Error frames sent to clients, by code." },
      ["{{code}}", rate("hopwire.errors", ["code"])],
    ),
    timeSeries(
      "Refused because of a limit",
      { unit: "cps", stack: true, description: "By the limit that refused it." },
      ["{{limit}}", rate("hopwire.rate_limited", ["limit"])],
    ),
    timeSeries(
      "Refused tokens",
      { unit: "cps", description: "By auth, with the reason; by gateways." },
      ["{{reason}}", rate("hopwire.tokens.refused", ["reason"])],
      ["gateways", rate("hopwire.authentications.refused")],
    ),
  ],
};

/** A message's spans: of hops, in the services of Hopwire. */
const tracesRow: Row = {
  title: "Traces",
  panels: [
    traces(
      "Slow messages",
      "Messages that took longer than SLOW_MESSAGE_MS. They are exported although they were not sampled.",
      `{ span.${SPAN_ATTRIBUTES.slow} = true }`,
    ),
    traces(
      "Failed hops",
      "Messages of which a hop ended with an error.",
      `{ span.${SPAN_ATTRIBUTES.hop} != nil && status = error }`,
    ),
    traces(
      "Messages of a room",
      "Sampled messages of the room above; of every room while it is empty.",
      `{ span.${SPAN_ATTRIBUTES.room} =~ "$room.*" }`,
    ),
    traces(
      "Hops over 200 ms",
      "Sampled messages of which one hop took longer.",
      `{ span.${SPAN_ATTRIBUTES.hop} != nil && duration > 200ms }`,
    ),
  ],
};

const logsRow: Row = {
  title: "Logs",
  panels: [
    logs(
      "Logs by trace",
      "Lines that belong to the trace above; all lines while it is empty. The trace id of a line leads to Tempo.",
      '{service_name=~"hopwire-.+"} | trace_id =~ "$trace.*"',
    ),
    logs(
      "Warnings and errors",
      "What services recovered from, and what somebody has to look at.",
      '{service_name=~"hopwire-.+"} | json level="level" | level =~ "warn|error"',
    ),
  ],
};

const PANELS = placed([
  hopsRow,
  ratesRow,
  apiRow,
  webhookRow,
  listenerRow,
  saturationRow,
  processRow,
  tracesRow,
  logsRow,
]);

/** The ids of the panels, by title. */
export const PANEL_IDS: ReadonlyMap<string, number> = new Map(
  PANELS.map(({ title, id }) => [title as string, id as number]),
);

/** Returns the dashboard in Grafana's JSON model. */
export function dashboard(): Record<string, unknown> {
  const textBox = (name: string, label: string) => ({
    name,
    label,
    type: "textbox",
    query: "",
    current: { text: "", value: "" },
  });
  return {
    uid: DASHBOARD_UID,
    title: "Hopwire",
    description: "Where the time of messages goes, and how the system is.",
    tags: ["hopwire"],
    schemaVersion: 41,
    editable: true,
    graphTooltip: 1,
    refresh: "10s",
    time: { from: "now-30m", to: "now" },
    templating: {
      list: [
        {
          name: "namespace",
          label: "Namespace",
          type: "query",
          datasource: PROMETHEUS,
          query: {
            query: `label_values(${prometheusName(HOP)}_count, namespace)`,
            refId: "namespaces",
          },
          refresh: 2,
          includeAll: true,
          multi: true,
          allValue: ".*",
          current: { text: ["All"], value: ["$__all"] },
        },
        textBox("room", "Room"),
        textBox("trace", "Trace id"),
      ],
    },
    annotations: { list: [] },
    links: [],
    panels: PANELS,
  };
}
