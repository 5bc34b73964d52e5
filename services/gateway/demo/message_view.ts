/**
 * Renders one message: author, time, content, and the delivery state of the user's own messages.
 */
import type { Message } from "../../../client/mod.ts";
import { element, hueOf, webAddress } from "./dom.ts";

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

/** Renders a message. The user's own messages (`mine`) get a tick. */
export function messageView(
  { userId, username, content, timestamp, seq, id }: Message,
  mine: boolean,
): HTMLLIElement {
  const name = element("b", {}, username || userId);
  name.style.setProperty("--hue", String(hueOf(userId)));
  const date = new Date(timestamp);
  const time = element("time", { dateTime: date.toISOString(), title: date.toLocaleString() });
  time.textContent = TIME.format(date);
  const head = element("div", { className: "head" }, name, time);
  const line = element("li", {}, head, ...contentView(content));
  line.dataset.seq = String(seq);
  line.dataset.id = id;
  line.classList.toggle("mine", mine);
  if (mine) head.append(element("span", { className: "tick" }));
  return line;
}

/** Shows the delivery state of the user's own message. */
export function showProgress(line: HTMLLIElement, progress: Progress, why = ""): void {
  const tick = line.querySelector<HTMLElement>(".tick")!;
  const [sign, words] = TICKS[progress];
  tick.textContent = sign;
  tick.title = why === "" ? words : `${words}: ${why}`;
  tick.setAttribute("role", "img");
  tick.setAttribute("aria-label", tick.title);
  line.dataset.progress = progress;
}

/** Renders a notice of the page itself. */
export function noteView(text: string): HTMLLIElement {
  return element("li", { className: "note" }, text);
}

/** Renders the content: text, or an image or file by its URL with a caption, or else the JSON. */
function contentView(content: unknown): HTMLElement[] {
  if (typeof content === "string") return [paragraph(content)];
  const { text, url: address } = (content ?? {}) as { text?: unknown; url?: unknown };
  const url = webAddress(address);
  if (url === null) {
    return [paragraph(typeof text === "string" ? text : JSON.stringify(content))];
  }
  const caption = typeof text === "string" ? text : "";
  const link = element("a", {
    href: url.href,
    target: "_blank",
    rel: "noopener noreferrer nofollow",
    className: "attachment",
  });
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

function paragraph(text: string): HTMLElement {
  return element("p", {}, text);
}
