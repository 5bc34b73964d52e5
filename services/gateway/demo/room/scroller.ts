/**
 * The list's scroll position: at the end while new messages come, unless the user reads older ones.
 *
 * @module
 */
import { byId } from "../../../kit/page/dom.ts";

/** Distance from an end of the list that still counts as the end, pixels. */
const NEAR = 60;

const scroller = byId("messages");
const newest = byId<HTMLButtonElement>("newest");
let wasAtEnd = true;
let onTop = () => {};

/** Whether the end of the list is visible. */
export function isAtEnd(): boolean {
  return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
}

/** Scrolls to the newest message. */
export function toEnd(): void {
  scroller.scrollTop = scroller.scrollHeight;
  wasAtEnd = true;
  newest.hidden = true;
}

/** Tells the user that there are newer messages below. */
export function tellOfNewer(): void {
  newest.hidden = false;
}

/** Calls `listener` from now on when the user reaches the oldest message. */
export function whenOnTop(listener: () => void): void {
  onTop = listener;
}

/** Inserts something above what is visible, which stays where it is. */
export function insertAbove(insert: () => void): void {
  const fromEnd = scroller.scrollHeight - scroller.scrollTop;
  insert();
  scroller.scrollTop = scroller.scrollHeight - fromEnd;
}

/** Says whether older messages are being loaded. */
export function setBusy(busy: boolean): void {
  scroller.setAttribute("aria-busy", String(busy));
}

scroller.addEventListener("scroll", () => {
  wasAtEnd = isAtEnd();
  if (wasAtEnd) newest.hidden = true;
  if (scroller.scrollTop < NEAR) onTop();
});
newest.addEventListener("click", toEnd);
// A keyboard, a banner or a longer text takes place from the list.
new ResizeObserver(() => wasAtEnd && toEnd()).observe(scroller);
