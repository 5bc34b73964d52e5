/**
 * The path of a message: every hop with its percentiles, a sparkline and the share of errors.
 *
 * @module
 */
import { HOPS } from "../../../contract/telemetry/hops.ts";
import type { HopSummary, Overview } from "../../../contract/telemetry/monitor_api.ts";
import { byId, element, setText } from "../../../kit/page/dom.ts";
import { countText, durationText, plainText, shareText } from "../format.ts";
import { colorOf, serviceOfHop } from "../services.ts";
import { typicalParts } from "./delivery.ts";
import { showFigures } from "./figures.ts";
import { absence, insideNote, LANES } from "./lanes.ts";
import { showShares } from "./shares.ts";
import { createSparkline } from "./sparkline.ts";

type Show = (overview: Overview) => void;

/** Draws the path once, and returns what shows new values in it. */
export function createPath(): Show {
  const shown: Show[] = [];
  const lanes = LANES.map(({ id, title, hops }) => {
    const heading = element("h3", { className: id === "main" ? "visually-hidden" : "" }, title);
    const list = element("ol", { className: "hops" });
    for (const hop of hops) {
      const [node, show] = hopView(hop);
      list.append(node);
      shown.push(show);
    }
    const lane = element("div", { className: `lane ${id}` }, heading, list);
    if (id === "inside") {
      const note = element("p", { className: "lane-note" });
      lane.append(note);
      shown.push((overview) => setText(note, insideNote(overview)));
    }
    return lane;
  });
  byId("path").replaceChildren(...lanes);
  return (overview) => {
    for (const show of shown) show(overview);
    showDelivery(overview);
  };
}

function hopView(hop: keyof typeof HOPS): [HTMLLIElement, Show] {
  const { by } = HOPS[hop];
  const [from, to] = [plainText(HOPS[hop].from), plainText(HOPS[hop].to)];
  const service = serviceOfHop(hop);
  const name = element("span", { className: "hop-name", title: `${from} → ${to}` }, hop);
  const percentiles = (["p50", "p95", "p99"] as const).map((key) => {
    const value = element("dd");
    return { key, value, node: element("div", {}, element("dt", {}, key), value) };
  });
  const figures = element("dl", { className: "percentiles" });
  figures.append(...percentiles.map(({ node }) => node));
  const spark = createSparkline();
  const note = element("p", { className: "hop-note" });
  const node = element("li", { className: "hop" }, name, figures, spark.node, note);
  node.dataset.hop = hop;
  node.style.setProperty("--color", colorOf(service));
  name.setAttribute("aria-description", `Measured by ${by}: from ${from}, to ${to}.`);
  return [node, (overview) => {
    const summary = overview.hops.find((each) => each.hop === hop);
    const why = absence(summary ?? emptyHop(hop), overview);
    node.classList.toggle("absent", why !== undefined);
    for (const { key, value } of percentiles) {
      setText(value, durationText(summary?.[key] ?? null, 1));
    }
    const most = Math.max(0, ...(summary?.trend ?? []).filter((value) => value !== null));
    spark.show(summary?.trend ?? [], `p99 over the window, up to ${durationText(most)}`);
    const errors = summary?.errors ?? 0;
    node.classList.toggle("failing", errors > 0);
    setText(note, why ?? `${countText(summary!.count)} · ${errorWords(errors)}`);
  }];
}

function emptyHop(hop: string): HopSummary {
  return { hop, count: 0, p50: null, p95: null, p99: null, trend: [], errors: 0 };
}

function errorWords(errors: number): string {
  return errors === 0 ? "no errors" : `${shareText(errors)} errors`;
}

function showDelivery(overview: Overview): void {
  const { delivery } = overview;
  showFigures(byId("delivery"), [
    ["end to end p50", durationText(delivery.p50)],
    ["p95", durationText(delivery.p95)],
    ["p99", durationText(delivery.p99)],
    ["messages", countText(delivery.count)],
  ]);
  const title = "Where the time of a typical message goes";
  showShares(byId("shares"), title, typicalParts(overview));
}
