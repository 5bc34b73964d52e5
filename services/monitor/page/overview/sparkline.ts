/**
 * A small line of values over the window. Steps without a value are gaps.
 *
 * @module
 */
import { svg } from "../../../kit/page/dom.ts";

const HEIGHT = 28;

/** Returns the path of a line through the values, `width` steps wide and HEIGHT high. */
export function linePath(trend: readonly (number | null)[], most: number): string {
  let path = "";
  let pen = false;
  trend.forEach((value, index) => {
    if (value === null) {
      pen = false;
      return;
    }
    const y = Number((HEIGHT - 2 - (most === 0 ? 0 : value / most) * (HEIGHT - 4)).toFixed(1));
    // A value between two gaps is a short line, since a point would not be seen.
    const isAlone = !pen && (trend[index + 1] ?? null) === null;
    path += isAlone ? `M${index - 1} ${y}H${index + 1}` : `${pen ? "L" : "M"}${index} ${y}`;
    pen = true;
  });
  return path;
}

/** A sparkline that can be given new values. */
export interface Sparkline {
  node: SVGSVGElement;
  show(trend: readonly (number | null)[], label: string): void;
}

/** Creates a sparkline. Its colour is that of the text around it. */
export function createSparkline(): Sparkline {
  const line = svg("path", { class: "spark-line" });
  const node = svg("svg", { class: "spark", preserveAspectRatio: "none", role: "img" }, line);
  return {
    node,
    show(trend, label) {
      const most = Math.max(0, ...trend.filter((value) => value !== null));
      node.setAttribute("viewBox", `-0.5 0 ${Math.max(1, trend.length)} ${HEIGHT}`);
      node.setAttribute("aria-label", label);
      line.setAttribute("d", linePath(trend, most));
    },
  };
}
