/**
 * One bar that shows which hops took the time, each by its share.
 *
 * @module
 */
import { element } from "../../../kit/page/dom.ts";
import { durationText, shareText } from "../format.ts";
import { colorOf, serviceOfHop } from "../services.ts";
import type { Part } from "./delivery.ts";

/** Shows the parts in `target`. `title` says what they are. */
export function showShares(target: Element, title: string, parts: readonly Part[]): void {
  const total = parts.reduce((sum, { duration }) => sum + duration, 0);
  if (total === 0) {
    target.replaceChildren();
    return;
  }
  const bar = element("div", { className: "shares" });
  const legend = element("ul", { className: "shares-legend number" });
  for (const { hop, duration } of parts) {
    const color = colorOf(serviceOfHop(hop));
    const part = element("span", { title: `${hop}: ${durationText(duration)}` });
    part.style.flexGrow = String(duration / total);
    part.style.setProperty("--color", color);
    bar.append(part);
    const name = element("span", { className: "swatch" }, hop);
    name.style.setProperty("--color", color);
    const value = `${durationText(duration)} · ${shareText(duration / total)}`;
    legend.append(element("li", {}, name, element("span", { className: "muted" }, value)));
  }
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", `${title}. The list below has the same values.`);
  const words = element("p", { className: "muted" }, title);
  target.replaceChildren(words, bar, legend);
}
