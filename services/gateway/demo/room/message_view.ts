/**
 * Renders one message: author, content, time, the delivery state of the user's own messages, and the
 * link to its hops.
 */
import type { Message } from "../../../../client/mod.ts";
import { element, glyph, webAddress } from "../../../kit/page/dom.ts";
import { dayName, type Line, placeOf } from "./arrangement.ts";
import { segmentsOf } from "./links.ts";
import { avatarOf } from "../people.ts";

/** The delivery state of the user's own message. */
export type Progress = "sending" | "stored" | "delivered" | "failed";

/** The sign of each state, and its label for screen readers. */
const TICKS: Record<Progress, [tick: string, words: string]> = {
  sending: ["◷", "being sent"],
  stored: ["✓", "stored"],
  delivered: ["✓✓", "delivered"],
  failed: ["!", "not sent"],
};

const IMAGE = /\.(avif|gif|jpe?g|png|svg|webp)$/i;

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

/** Attributes of links that users wrote: they learn nothing of this page and get no hold of it. */
const FOREIGN = { target: "_blank", rel: "noopener noreferrer nofollow" };

/** A message on the page. */
export interface MessageLine extends Line {
  node: HTMLLIElement;
  /** 0 for messages that are not stored, or not yet, and for notes. */
  seq: number;
}

/** Renders a message. The user's own messages (`mine`) get a tick. */
export function messageView(message: Message, mine: boolean): MessageLine {
  const { userId, username, content, timestamp, seq, erased } = message;
  const date = new Date(timestamp);
  const time = element("time", { dateTime: date.toISOString(), title: date.toLocaleString() });
  time.textContent = TIME.format(date);
  const meta = element("span", { className: "meta" }, time);
  if (mine) meta.append(element("span", { className: "tick" }));
  const bubble = element("div", { className: "bubble" }, ...contentView(content, erased === true));
  const author = element("b", { className: "author" }, mine ? "You" : username || userId);
  if (mine) author.classList.add("visually-hidden");
  const said = element("div", { className: "said" }, bubble, meta);
  const column = element("div", { className: "column" }, author, said);
  const row = element("div", { className: "row" }, column);
  if (!mine) row.prepend(avatarOf(userId, username));
  const node = element("li", { className: "message" }, row);
  node.dataset.seq = String(seq);
  node.classList.toggle("mine", mine);
  node.classList.toggle("erased", erased === true);
  return { node, userId, timestamp, seq };
}

/** Renders a notice of the page itself. */
export function noteView(text: string, timestamp = Date.now()): MessageLine {
  const node = element("li", { className: "note" }, text);
  return { node, userId: null, timestamp, seq: 0 };
}

/** Shows how a line stands below the one before it. */
export function showPlace(line: MessageLine, before: MessageLine | undefined): void {
  const { continues, newDay } = placeOf(line, before);
  const { node } = line;
  node.classList.toggle("continues", continues);
  const day = node.querySelector(":scope > .day");
  if (newDay === (day !== null)) return;
  if (newDay) {
    node.prepend(element("div", { className: "day" }, dayName(line.timestamp, Date.now())));
  } else day!.remove();
}

/** Shows the delivery state of the user's own message. */
export function showProgress(node: HTMLLIElement, progress: Progress): void {
  const tick = node.querySelector<HTMLElement>(".tick")!;
  const [sign, words] = TICKS[progress];
  tick.textContent = sign;
  tick.title = words;
  tick.setAttribute("role", "img");
  tick.setAttribute("aria-label", words);
  node.dataset.progress = progress;
}

/** Shows below a message why it was not sent, with a way to send it again and to drop it. */
export function showRefusal(
  node: HTMLLIElement,
  why: string,
  { retry, discard }: { retry: () => void; discard: () => void },
): void {
  showProgress(node, "failed");
  const again = element("button", { type: "button", className: "button plain small" }, "Try again");
  again.addEventListener("click", retry);
  const drop = element("button", { type: "button", className: "button quiet small" }, "Discard");
  drop.addEventListener("click", discard);
  const words = element("span", {}, `Not sent: ${why}`);
  words.setAttribute("role", "alert");
  const trouble = element("div", { className: "trouble" }, words, again, drop);
  node.querySelector(".trouble")?.remove();
  node.querySelector(".column")!.append(trouble);
}

/** Shows that a message was erased. */
export function showErased(node: HTMLLIElement): void {
  node.classList.add("erased");
  node.querySelector(".bubble")?.replaceChildren(...contentView(null, true));
}

/** Adds the link to a message's hops, or replaces it. */
export function showHopsLink(node: HTMLLIElement, href: string): void {
  const words = "See this message's hops";
  const link = element("a", { className: "hops", href, target: "_blank", title: words });
  link.rel = "noopener";
  link.setAttribute("aria-label", words);
  link.append(glyph("hops"));
  node.querySelector(".hops")?.remove();
  node.querySelector(".meta")?.append(link);
}

/** Renders the content: text, or an image or file by its URL with a caption, or else the JSON. */
function contentView(content: unknown, erased: boolean): HTMLElement[] {
  if (erased) return [paragraph("This message was erased")];
  if (typeof content === "string") return [paragraph(content)];
  const { text, url: address } = (content ?? {}) as { text?: unknown; url?: unknown };
  const url = webAddress(address);
  if (url === null) {
    return [paragraph(typeof text === "string" ? text : JSON.stringify(content))];
  }
  const caption = typeof text === "string" ? text : "";
  const link = element("a", { href: url.href, className: "attachment", ...FOREIGN });
  if (IMAGE.test(url.pathname)) {
    const image = element("img", {
      src: url.href,
      alt: caption || `image at ${url.host}`,
      loading: "lazy",
      referrerPolicy: "no-referrer",
    });
    image.addEventListener("error", () => image.replaceWith(url.href));
    link.append(image);
  } else {
    link.append(url.pathname.split("/").pop() || url.host, ` (${url.host})`);
  }
  return caption === "" ? [link] : [link, paragraph(caption)];
}

/** Renders a text. Web addresses in it become links. */
function paragraph(text: string): HTMLElement {
  return element(
    "p",
    {},
    ...segmentsOf(text).map(({ text, href }) =>
      href === undefined ? text : element("a", { href, ...FOREIGN }, text)
    ),
  );
}
