/**
 * One trace as a waterfall across services. A click on a span shows its attributes.
 *
 * @module
 */
import { HOPS } from "../../../contract/telemetry/hops.ts";
import type { Trace, TraceSpan } from "../../../contract/telemetry/monitor_api.ts";
import { element, glyph } from "../../../kit/page/dom.ts";
import { durationText, plainText, timeText } from "../format.ts";
import { hashOf } from "../location.ts";
import { partsOf } from "../overview/delivery.ts";
import { showShares } from "../overview/shares.ts";
import { colorOf, nameOf, processName, serviceOfHop } from "../services.ts";
import { type Row, waterfallOf } from "./waterfall.ts";

/** How many ticks the time line has after its beginning. */
const TICKS = 4;

/** Shows a trace. Spans that were open in `target` before stay open. */
export function showTrace(target: HTMLElement, trace: Trace): void {
  const state = JSON.stringify(trace);
  if (target.dataset.shown === state) return;
  target.dataset.shown = state;
  const open = new Set(
    [...target.querySelectorAll<HTMLElement>('.span[aria-expanded="true"]')]
      .map(({ dataset }) => dataset.id!),
  );
  const focused = target.contains(document.activeElement)
    ? (document.activeElement as HTMLElement).dataset.id
    : undefined;
  const { rows, duration } = waterfallOf(trace.spans);
  const list = element("ol", { className: "waterfall" });
  list.append(...rows.map((row) => spanView(row, open.has(row.span.spanId))));
  list.addEventListener("keydown", moveByArrow);
  const shares = element("div");
  const panel = element("div", { className: "panel" }, axis(duration), list);
  target.replaceChildren(headOf(trace), ...notesOf(trace), shares, panel);
  showShares(
    shares,
    "Where the time went, from the sender's gateway to the last member",
    partsOf(trace.spans),
  );
  if (focused !== undefined) {
    target.querySelector<HTMLElement>(`[data-id="${CSS.escape(focused)}"]`)?.focus();
  }
}

function headOf({ traceId, room, seq, at, duration, slow, error }: Trace): HTMLElement {
  const title = element("h1", {}, room ?? "Trace");
  if (seq !== null) title.append(element("span", { className: "muted number" }, ` #${seq}`));
  if (slow) title.append(" ", element("span", { className: "tag" }, "not sampled, but slow"));
  if (error !== null) title.append(" ", element("span", { className: "tag bad" }, error));
  const facts = element("p", { className: "muted number" });
  facts.append(
    element("b", {}, durationText(duration)),
    ` at ${timeText(at, Date.now())} · trace `,
    element("code", {}, traceId),
  );
  const head = element("div", { className: "trace-head" }, title, facts);
  if (room !== null) {
    const href = hashOf({ name: "room", room });
    facts.append(" · ", element("a", { href }, "other messages of this room"));
  }
  return head;
}

function notesOf({ notes }: Trace): HTMLElement[] {
  if (notes.length === 0) return [];
  const lines = notes.map((note) => element("li", {}, note));
  return [element("ul", { className: "banner trace-notes" }, ...lines)];
}

function axis(duration: number): HTMLElement {
  const ticks = Array.from({ length: TICKS + 1 }, (_, index) => {
    const tick = element("span", {}, durationText(Math.round(duration * index / TICKS)));
    tick.style.setProperty("--at", String(index / TICKS));
    return tick;
  });
  const line = element("div", { className: "ticks number" }, ...ticks);
  const names = element("span", { className: "muted" }, "Span");
  return element("div", { className: "axis" }, names, line);
}

function spanView({ span, depth, offset, length, after }: Row, isOpen: boolean): HTMLLIElement {
  const { spanId, name, service, instance, duration, error } = span;
  const label = element(
    "span",
    { className: "span-name" },
    glyph("chevron"),
    element("span", { className: "span-title" }, name),
    element("span", { className: "muted span-service" }, processName(service, instance)),
  );
  if (error !== null) label.append(element("span", { className: "tag bad" }, "error"));
  const bar = element("span", { className: "bar" });
  const time = element("span", { className: "number" }, durationText(duration));
  const track = element("span", { className: "track" }, bar, time);
  // The duration stands on the right of its bar, or on its left, or in it, where there is room.
  const isLate = offset + length > 0.8;
  track.classList.toggle("late", isLate && offset > 0.2);
  track.classList.toggle("full", isLate && offset <= 0.2);
  const button = element("button", { type: "button", className: "span" }, label, track);
  button.dataset.id = spanId;
  const begins = `begins after ${durationText(after)}`;
  button.setAttribute("aria-description", error === null ? begins : `${begins}, error: ${error}`);
  button.style.setProperty("--depth", String(depth));
  button.style.setProperty("--from", String(offset));
  button.style.setProperty("--length", String(length));
  button.style.setProperty("--color", error === null ? colorOfSpan(span) : "var(--bad)");
  const details = detailsOf(span, after, instance);
  const show = (open: boolean) => {
    button.setAttribute("aria-expanded", String(open));
    details.hidden = !open;
  };
  button.addEventListener("click", () => show(details.hidden === true));
  show(isOpen);
  return element("li", {}, button, details);
}

function detailsOf(span: TraceSpan, after: number, instance: string): HTMLElement {
  const { hop, error, service, duration, spanId } = span;
  const facts: [string, string][] = [
    ["service", nameOf(service)],
    ["instance", instance],
    ["begins after", durationText(after)],
    ["duration", durationText(duration)],
  ];
  const info = hop === null
    ? undefined
    : (HOPS as Record<string, { from: string; to: string }>)[hop];
  if (info !== undefined) facts.push(["from", plainText(info.from)], ["to", plainText(info.to)]);
  if (error !== null) facts.push(["error", error]);
  const attributes = Object.entries(span.attributes).sort(([a], [b]) => a.localeCompare(b));
  facts.push(...attributes.map(([key, value]): [string, string] => [key, String(value)]));
  facts.push(["span id", spanId]);
  const list = element("dl", { className: "details number" });
  list.append(
    ...facts.map(([key, value]) =>
      element("div", {}, element("dt", {}, key), element("dd", {}, value))
    ),
  );
  return list;
}

/** A hop has the colour that it has on the path, whoever measures it. */
function colorOfSpan({ hop, service }: TraceSpan): string {
  return colorOf(hop === null ? service : serviceOfHop(hop));
}

/** Arrow keys go from span to span; right opens one and left closes it. */
function moveByArrow(event: KeyboardEvent): void {
  const button = event.target as HTMLElement;
  if (!button.classList.contains("span")) return;
  const line = button.closest("li")!;
  const next = {
    ArrowDown: line.nextElementSibling,
    ArrowUp: line.previousElementSibling,
  }[event.key];
  const isOpen = button.getAttribute("aria-expanded") === "true";
  if (next instanceof HTMLElement) next.querySelector<HTMLElement>(".span")!.focus();
  else if (event.key === "ArrowRight" && !isOpen) button.click();
  else if (event.key === "ArrowLeft" && isOpen) button.click();
  else return;
  event.preventDefault();
}
