/**
 * The health of NATS and of every process, and what an operator should look at.
 *
 * @module
 */
import type { Alert, Overview, ProcessSummary } from "../../../contract/telemetry/monitor_api.ts";
import { byId, element } from "../../../kit/page/dom.ts";
import { bytesText, countText, durationText, shareText, timeText, UNKNOWN } from "../format.ts";
import { colorOf, nameOf } from "../services.ts";
import { showFigures } from "./figures.ts";

const STATES = { ok: "ok", degraded: "degraded", lost: "lost" } as const;

/** Shows alerts, NATS and processes. */
export function showHealth(overview: Overview): void {
  showAlerts(overview.alerts, overview.at / 1_000);
  const { nats, processes } = overview;
  showFigures(byId("nats"), [
    ["NATS", nats.connected ? nats.version ?? "connected" : "not connected"],
    ["rtt", durationText(nats.rtt)],
    ["log", logText(nats)],
    ["archive lag", countText(nats.archiveLag)],
  ]);
  byId("nats").classList.toggle("failing", !nats.connected);
  const rows = processes.map(processRow);
  if (rows.length === 0) {
    const cell = element("td", { colSpan: 9, className: "muted" }, "No process has reported yet.");
    rows.push(element("tr", {}, cell));
  }
  byId("processes").querySelector("tbody")!.replaceChildren(...rows);
}

function logText({ logMessages, logBytes, logFullness }: Overview["nats"]): string {
  if (logMessages === null) return UNKNOWN;
  const full = logFullness === null ? "" : ` (${shareText(logFullness)} full)`;
  return `${countText(logMessages)} messages, ${bytesText(logBytes)}${full}`;
}

function processRow(process: ProcessSummary): HTMLTableRowElement {
  const { service, instance, state, reason, clockOffset, clockError } = process;
  const name = element("span", { className: "swatch" }, nameOf(service));
  name.style.setProperty("--color", colorOf(service));
  // Some instances are named after their service.
  const number = instance === nameOf(service) ? "" : instance.replace(`${nameOf(service)}-`, "");
  const id = element("span", { className: "muted instance", title: instance }, number);
  const words = element("span", { className: "state" }, STATES[state]);
  words.dataset.state = state;
  const health = element("td", {}, words);
  if (reason !== undefined) health.append(element("span", { className: "reason" }, reason));
  const clock = clockOffset === null
    ? UNKNOWN
    : `${clockOffset > 0 ? "+" : ""}${durationText(clockOffset)} ± ${durationText(clockError)}`;
  const cells = [
    durationText(process.uptime),
    shareText(process.cpu),
    bytesText(process.memory),
    durationText(process.eventLoopP99),
    durationText(process.natsRtt),
    clock,
    countText(process.connections),
  ];
  const row = element("tr", {}, element("th", { scope: "row" }, name, id), health);
  row.append(...cells.map((text) => element("td", {}, text)));
  return row;
}

let shownAlerts = "";

function showAlerts(alerts: readonly Alert[], now: number): void {
  // Anew only on a change, so that a screen reader reads an alert once.
  const state = JSON.stringify(alerts);
  if (state === shownAlerts) return;
  shownAlerts = state;
  byId("alerts").replaceChildren(...alerts.map(({ name, text, since }) => {
    const words = element("p", {}, element("b", {}, name), " ", text);
    const time = element("span", { className: "muted number" }, `since ${timeText(since, now)}`);
    const alert = element("div", { className: "banner" }, words, time);
    alert.dataset.kind = "bad";
    alert.setAttribute("role", "alert");
    return alert;
  }));
}
