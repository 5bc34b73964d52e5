/**
 * The alert rules that compose.yaml provisions in Grafana. `deno task docs` writes them to `alerts.yaml`
 * and their table to services/README.md. No I/O.
 *
 * The conditions are those of monitor's page where both have one. Here they are evaluated over minutes, so
 * that a single slow message wakes nobody.
 *
 * @module
 */
import { increase, INSTANCE, percentile, SERVICE, value } from "./expressions.ts";
import { PROMETHEUS } from "./panels.ts";

/** One alert. */
export interface AlertInfo {
  uid: string;
  /** The title of the panel that shows it. */
  panel: string;
  title: string;
  severity: "critical" | "warning";
  /** PromQL. Each series that it returns is compared with `above`, and alerts by itself. */
  expr: string;
  above: number;
  /** How long the value must be above. */
  for: string;
  /** What is wrong, with the labels and the value, as a Grafana template. */
  summary: string;
  /** What it means, for the documentation. */
  meaning: string;
  /** What to do. */
  action: string;
}

/** The window of percentiles and rates: a minute would be four exports, and few messages. */
const WINDOW = "5m";

const SLOW_S = 0.2;
const PROCESS = "{{ .Labels.service_name }} {{ .Labels.service_instance_id }}";
const SECONDS = "{{ humanizeDuration .Values.A.Value }}";
const SHARE = "{{ humanizePercentage .Values.A.Value }}";
const NUMBER = "{{ humanize .Values.A.Value }}";

/** How many processes of each service export, and how many did for most of the last hour. */
const RUNNING = `count by (${SERVICE}) (count_over_time(${value("process.uptime")}[1m]))`;
const RAN = `quantile_over_time(0.5, (${RUNNING})[1h:1m])`;

/** The alerts. */
export const ALERTS: readonly AlertInfo[] = [
  {
    uid: "hopwire-delivery-slow",
    panel: "Delivery",
    title: "Delivery is slow",
    severity: "critical",
    expr: percentile(0.99, "hopwire.delivery.duration", [], {}, WINDOW),
    above: SLOW_S,
    for: "2m",
    summary: `One in a hundred messages takes over ${SECONDS} from sender to members.`,
    meaning: "p99 of delivery, from reading a frame to the last member's write, is over 200 ms.",
    action:
      "Look at the table of hops: the alert below names the hop that takes the time. The slow messages are under Traces.",
  },
  {
    uid: "hopwire-hop-slow",
    panel: "p99 by hop",
    title: "A hop is slow",
    severity: "warning",
    expr: percentile(
      0.99,
      "hopwire.hop.duration",
      ["hop"],
      { hop: '!~"archive.wait|archive.store|client.*|call"' },
      WINDOW,
    ),
    above: SLOW_S,
    for: "2m",
    summary: `The hop {{ .Labels.hop }} takes ${SECONDS} (p99).`,
    meaning:
      "p99 of one hop is over 200 ms. Hops of the archive, of clients and of your own services are left out: nobody waits for the archive, and the others are not Hopwire's.",
    action:
      "`bus.store`: the disk of nats-server, or its load. `bus.deliver`: the network, or a busy gateway. `edge.receive`, `edge.queue`: a busy gateway; add one. `edge.fanout`: slow readers, or a very large room. `auth.verify`, `rooms.join`: the CPU of that service.",
  },
  {
    uid: "hopwire-nats-slow",
    panel: "NATS round trip",
    title: "NATS is far away",
    severity: "warning",
    expr: `avg_over_time(${value("hopwire.nats.rtt")}[${WINDOW}])`,
    above: 0.01,
    for: "2m",
    summary: `The round trip from ${PROCESS} to NATS takes ${SECONDS}.`,
    meaning: "The round trip from a process to its NATS server is over 10 ms.",
    action:
      "The network between the two, the CPU of nats-server, or the event loop of that process: compare its panel.",
  },
  {
    uid: "hopwire-nats-disconnected",
    panel: "Connected to NATS",
    title: "Not connected to NATS",
    severity: "critical",
    expr: `1 - ${value("hopwire.nats.connected")}`,
    above: 0,
    for: "30s",
    summary: `${PROCESS} is not connected to NATS.`,
    meaning: "A process has lost its NATS server. It reconnects by itself.",
    action: "If all processes are affected: nats-server. Otherwise the network of that one.",
  },
  {
    uid: "hopwire-errors",
    panel: "Errors",
    title: "Many errors",
    severity: "warning",
    expr: `${increase("hopwire.errors", WINDOW)} / (${
      increase("hopwire.frames.received", WINDOW)
    } > 100)`,
    above: 0.05,
    for: "2m",
    summary: `${SHARE} of the frames from clients are answered with an error.`,
    meaning: "More than 5 % of the frames from clients are answered with an error.",
    action:
      "The panel Errors shows the codes. `unavailable`: a service or NATS does not answer. `rate_limited`: the panel of refusals names the limit. `unauthorized`, `forbidden`: the tokens that your backend issues.",
  },
  {
    uid: "hopwire-slow-consumers",
    panel: "Closed because they read too slowly",
    title: "Slow consumers",
    severity: "warning",
    expr: increase("hopwire.slow_consumers", WINDOW),
    above: 0,
    for: "1m",
    summary: `${NUMBER} connections were closed because their clients read too slowly.`,
    meaning: "Gateways close connections because clients read more slowly than their rooms write.",
    action:
      "A few on mobile networks are normal: they reconnect and recover. Many at once: a room that is too fast for its members, or the network in front of the gateways.",
  },
  {
    uid: "hopwire-archive-lag",
    panel: "Archive lag",
    title: "The archive lags behind",
    severity: "warning",
    expr: `max(${value("hopwire.archive.lag")})`,
    above: 5_000,
    for: "2m",
    summary: `${NUMBER} messages of the log are not archived yet.`,
    meaning:
      "More than 5,000 messages of the log are not archived. They are safe in the log, as long as it keeps them (`STREAM_MAX_AGE`).",
    action:
      "Look at `archive.store`: the database. If no instance of persistence is ready, its log says why.",
  },
  {
    uid: "hopwire-holes",
    panel: "Archive lag",
    title: "Unexplained holes",
    severity: "critical",
    expr: `max(${value("hopwire.archive.holes.unexplained")})`,
    above: 0,
    for: "0s",
    summary: `${NUMBER} messages are in neither log nor archive, for no known reason.`,
    meaning: "Messages are in neither log nor archive, and nothing explains it: data is lost.",
    action:
      "The log of persistence names the seqs. Compare with `deno task audit`; `--repair` accepts what nobody has. Check the disks of nats-server.",
  },
  {
    uid: "hopwire-listener-missed",
    panel: "Missed messages",
    title: "A service missed messages",
    severity: "critical",
    expr: increase("hopwire.listener.missed", WINDOW, [SERVICE]),
    above: 0,
    for: "0s",
    summary: `${NUMBER} messages left the log before {{ .Labels.service_name }} read them.`,
    meaning: "A durable listener was too slow, or its service did not run for too long.",
    action:
      "Its log names the seqs; the archive has the messages. Raise its `concurrency`, run more instances, or raise `STREAM_MAX_AGE`.",
  },
  {
    uid: "hopwire-process-lost",
    panel: "Uptime",
    title: "A process is lost",
    severity: "critical",
    expr: `${RAN} - (${RUNNING} or 0 * ${RAN})`,
    above: 0,
    for: "1m",
    summary: `{{ .Labels.service_name }} has fewer processes than an hour ago: ${NUMBER} less.`,
    meaning:
      "Fewer processes of a service (a gateway, say) export metrics than did for most of the last hour. It ends half an hour after you stopped one on purpose.",
    action:
      "Find out which one ended: its last log lines, and the reason of the restart. If it runs, it cannot reach monitor.",
  },
  {
    uid: "hopwire-log-full",
    panel: "Log fullness",
    title: "The log is nearly full",
    severity: "critical",
    expr: `max(${value("hopwire.log.fullness")})`,
    above: 0.9,
    for: "1m",
    summary: `The ROOMS stream uses ${SHARE} of its limit.`,
    meaning:
      "The ROOMS stream uses over 90 % of `STREAM_MAX_BYTES`. When it is full, its oldest messages go, archived or not.",
    action:
      "Raise `STREAM_MAX_BYTES`, or lower `STREAM_MAX_AGE`. See that the archive does not lag behind first.",
  },
  {
    uid: "hopwire-clock",
    panel: "Clocks",
    title: "Clocks differ",
    severity: "warning",
    expr: `abs(${value("hopwire.clock.offset")}) > ${value("hopwire.clock.error")}`,
    above: 0.1,
    for: "5m",
    summary: `The clock of ${PROCESS} differs from the NATS server's by ${SECONDS}.`,
    meaning:
      "The clock of a process differs by more than 100 ms from the NATS server's. Hops are corrected by that; the validity of tokens and the timestamps of messages are not.",
    action: "Synchronize that machine's clock, or the NATS server's, by NTP.",
  },
  {
    uid: "hopwire-clock-error",
    panel: "Repairs and reconnects",
    title: "Hops are uncertain",
    severity: "warning",
    expr: increase("hopwire.clock.negative", WINDOW, [SERVICE, INSTANCE]),
    above: 10,
    for: "5m",
    summary: `${NUMBER} hops of ${PROCESS} would have taken less than no time.`,
    meaning:
      "Clocks differ by more than is known: hops between processes would take less than no time, and count as 0.",
    action:
      "Synchronize the clocks by NTP. A nats-server before 2.10 does not tell its time, so nothing is corrected with one.",
  },
];

/** The rows of the table of alerts in services/README.md. */
export function alertCells(): string[][] {
  return [
    ["alert", "severity", "what it means", "what to do"],
    ...ALERTS.map(({ title, severity, meaning, action }) => [title, severity, meaning, action]),
  ];
}

/** The rules, as Grafana provisions them from a file. `panelIds` are those of the dashboard's panels, by title. */
export function alertRules(
  dashboardUid: string,
  panelIds: ReadonlyMap<string, number>,
): Record<string, unknown> {
  return {
    apiVersion: 1,
    groups: [{
      orgId: 1,
      name: "hopwire",
      folder: "Hopwire",
      interval: "30s",
      rules: ALERTS.map((alert) => ruleOf(alert, dashboardUid, panelIds.get(alert.panel)!)),
    }],
  };
}

function ruleOf(alert: AlertInfo, dashboardUid: string, panelId: number): Record<string, unknown> {
  const { uid, title, severity, expr, above, summary, meaning, action } = alert;
  return {
    uid,
    title,
    condition: "C",
    data: [
      {
        refId: "A",
        relativeTimeRange: { from: 600, to: 0 },
        datasourceUid: PROMETHEUS.uid,
        model: { refId: "A", expr, instant: true, range: false },
      },
      {
        refId: "C",
        datasourceUid: "__expr__",
        model: {
          refId: "C",
          datasource: { type: "__expr__", uid: "__expr__" },
          type: "threshold",
          expression: "A",
          conditions: [{ evaluator: { type: "gt", params: [above] } }],
        },
      },
    ],
    // Nothing to compare: no messages, or no such service.
    noDataState: "OK",
    execErrState: "Error",
    for: alert.for,
    // Grafana wants the panel both ways.
    dashboardUid,
    panelId,
    annotations: {
      summary,
      description: `${meaning} ${action}`,
      __dashboardUid__: dashboardUid,
      __panelId__: String(panelId),
    },
    labels: { severity, system: "hopwire" },
    isPaused: false,
  };
}
