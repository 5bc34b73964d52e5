/**
 * What was refused, and why connections were closed, since the processes started.
 *
 * @module
 */
import type { Overview } from "../../../contract/telemetry/monitor_api.ts";
import { byId, element } from "../../../kit/page/dom.ts";
import { countText } from "../format.ts";

/** Most lines of one list. */
const MAX_LINES = 8;

let shown = "";

/** Shows the counts. */
export function showRefusals({ errorsByCode, closesByCode, rateLimited }: Overview): void {
  const lists = [
    ["Errors, by code", errorsByCode],
    ["Refused because of a limit", rateLimited],
    ["Closed connections, by code", closesByCode],
  ] as const;
  const state = JSON.stringify(lists);
  if (state === shown) return;
  shown = state;
  const nodes: HTMLElement[] = lists.flatMap(([title, counts]) => {
    const lines = Object.entries(counts).filter(([, count]) => count > 0)
      .sort(([, a], [, b]) => b - a).slice(0, MAX_LINES);
    if (lines.length === 0) return [];
    const list = element("dl", { className: "counts number" });
    list.append(
      ...lines.map(([name, count]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, countText(count)))
      ),
    );
    return [element("div", {}, element("h3", {}, title), list)];
  });
  if (nodes.length === 0) {
    const words = "Nothing was refused and no connection was closed since the processes started.";
    nodes.push(element("p", { className: "muted" }, words));
  }
  byId("refusals").replaceChildren(...nodes);
}
