/**
 * A list of messages, each a link to its hops.
 *
 * @module
 */
import type { MessageSummary } from "../../contract/telemetry/monitor_api.ts";
import { element } from "../../kit/page/dom.ts";
import { durationText, timeText } from "./format.ts";
import { hashOf } from "./location.ts";
import { colorOf, serviceOfHop } from "./services.ts";

/**
 * Shows messages in `target`, with the time that they took: until they were delivered, or archived too.
 * `empty` says why there are none.
 */
export function showMessages(
  target: HTMLElement,
  messages: readonly MessageSummary[],
  empty: string,
  took: "delivery" | "duration" = "duration",
): void {
  const state = took + JSON.stringify(messages);
  if (target.dataset.shown === state) return;
  // Not while the keyboard is in it: the focus would be lost.
  if (target.contains(document.activeElement) && target.dataset.shown !== undefined) return;
  target.dataset.shown = state;
  if (messages.length === 0) {
    target.replaceChildren(element("p", { className: "nothing muted" }, empty));
    return;
  }
  const longest = Math.max(1, ...messages.map((message) => message[took] ?? 0));
  const list = element("ol", { className: "messages" });
  list.append(...messages.map((message) => element("li", {}, messageLink(message, longest, took))));
  target.replaceChildren(list);
}

function messageLink(
  message: MessageSummary,
  longest: number,
  by: "delivery" | "duration",
): HTMLAnchorElement {
  const { traceId, room, seq, at, slow, error } = message;
  const duration = message[by] ?? 0;
  const slowestHop = by === "delivery" ? message.slowestDeliveryHop : message.slowestHop;
  const where = element("span", { className: "where" }, element("b", {}, room ?? "no room"));
  if (seq !== null) where.append(element("span", { className: "muted number" }, ` #${seq}`));
  if (slow) where.append(" ", element("span", { className: "tag" }, "not sampled"));
  if (error !== null) where.append(" ", element("span", { className: "tag bad" }, error));
  const bar = element("span", { className: "length" });
  bar.style.setProperty("--share", String(duration / longest));
  bar.style.setProperty("--color", colorOf(serviceOfHop(slowestHop ?? "")));
  const hop = element(
    "span",
    { className: "muted hop-of" },
    slowestHop === null ? "" : `mostly ${slowestHop}`,
  );
  const took = element("span", { className: "took number" }, durationText(duration));
  const time = element("span", { className: "muted number when" }, timeText(at, Date.now()));
  const href = hashOf({ name: "trace", traceId });
  return element("a", { href }, where, bar, hop, took, time);
}
