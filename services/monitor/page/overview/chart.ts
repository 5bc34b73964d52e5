/**
 * A chart of one or two series over the window, drawn by uPlot. The head of the chart shows the values
 * of now, or those under the pointer.
 *
 * @module
 */
import uPlot from "uplot";
import { element, setText } from "../../../kit/page/dom.ts";

const HEIGHT = 128;

/** The steps that the axis of values may have: whole numbers. */
const STEPS = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power));

/** One line of a chart. */
export interface ChartSeries {
  name: string;
  /** A name of a token, such as `--gateway`. */
  color: string;
  now: number;
  trend: readonly (number | null)[];
}

/** A chart that can be given new values. */
export interface Chart {
  node: HTMLElement;
  /** Shows series, the last value of which belongs to `at`; `step` and `at` in microseconds. */
  show(series: readonly ChartSeries[], at: number, step: number, note: string): void;
  /** Draws again, in the colours of the theme. */
  repaint(): void;
}

/** Creates a chart. `write` writes its values. */
export function createChart(title: string, write: (value: number | null) => string): Chart {
  const heading = element("h3", {}, title);
  const values = element("dl", { className: "chart-values number" });
  const canvas = element("div", { className: "chart-canvas" });
  canvas.setAttribute("aria-hidden", "true");
  const footer = element("p", { className: "chart-note number" });
  const node = element("article", { className: "panel chart" }, heading, values, canvas, footer);
  let plot: uPlot | undefined;
  let current: readonly ChartSeries[] = [];
  let data: uPlot.AlignedData = [[]];

  const showValues = (index: number | null) => {
    current.forEach(({ name, now, trend }, at) => {
      const line = values.children[at]!;
      setText(line.children[0]!, name);
      setText(line.children[1]!, write(index === null ? now : trend[index] ?? null));
    });
  };
  const draw = () => {
    plot?.destroy();
    plot = undefined;
    if (current.length === 0 || canvas.clientWidth === 0) return;
    plot = new uPlot(optionsOf(current, canvas.clientWidth, write, showValues), data, canvas);
  };
  new ResizeObserver(() => {
    if (plot === undefined) draw();
    else plot.setSize({ width: canvas.clientWidth, height: HEIGHT });
  }).observe(canvas);
  return {
    node,
    repaint: draw,
    show(series, at, step, note) {
      const isNew = series.length !== current.length;
      current = series;
      const count = series[0]?.trend.length ?? 0;
      const times = Array.from({ length: count }, (_, i) => (at - (count - 1 - i) * step) / 1e6);
      data = [times, ...series.map(({ trend }) => [...trend])];
      if (isNew) {
        values.replaceChildren(...series.map(({ color }) => {
          const name = element("dt", { className: "swatch" });
          name.style.setProperty("--color", `var(${color})`);
          return element("div", {}, name, element("dd"));
        }));
      }
      setText(footer, note);
      if (plot === undefined || isNew) draw();
      else plot.setData(data);
      showValues(plot?.cursor.idx ?? null);
    },
  };
}

function optionsOf(
  series: readonly ChartSeries[],
  width: number,
  write: (value: number | null) => string,
  pointed: (index: number | null) => void,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => resolved(style.getPropertyValue(name));
  const font = `11px ${style.getPropertyValue("--sans")}`;
  const axis: uPlot.Axis = {
    stroke: token("--muted"),
    font,
    grid: { stroke: token("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 16, 0, 0],
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, most) => [0, Math.max(1, (most ?? 0) * 1.1)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 22, space: 70 },
      {
        ...axis,
        size: 54,
        space: 32,
        incrs: STEPS.flat(),
        values: (_, ticks) => ticks.map((tick) => write(tick)),
      },
    ],
    series: [
      {},
      ...series.map(({ color }): uPlot.Series => ({
        stroke: token(color),
        width: 1.75,
        points: { show: false },
        spanGaps: false,
      })),
    ],
    hooks: { setCursor: [({ cursor }) => pointed(cursor.idx ?? null)] },
  };
}

/** Resolves `light-dark()` of a token, which a canvas does not understand. */
function resolved(value: string): string {
  const probe = element("span", { hidden: true });
  probe.style.color = value;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
