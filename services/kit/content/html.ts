/**
 * Makes HTML from clients safe to show: what is not on the list of elements, attributes and schemes is
 * removed. Rooms of namespaces with `"content": "html"` store nothing else.
 *
 * @module
 */
// @ts-types="@types/sanitize-html"
import type { default as Sanitize, IOptions } from "sanitize-html";

/** Elements: the structure of text, links and pictures, and nothing that runs or takes input. */
const ELEMENTS = [
  ..."p br hr h1 h2 h3 h4 h5 h6 blockquote q pre ul ol li dl dt dd div span".split(" "),
  ..."b strong i em u s del ins sub sup small mark code kbd samp var cite dfn abbr".split(" "),
  ..."table caption thead tbody tfoot tr th td a img".split(" "),
];

/** Deeper elements lose their tags. */
const MAX_DEPTH = 32;

/** Whether an address says where it leads. One without a host would lead into the page that shows it. */
const ABSOLUTE = /^(?:https?:\/\/|mailto:)/i;

/** An attribute with an address; none if the address is not absolute. */
function absolute(name: string, address: string | undefined): Record<string, string> {
  return address !== undefined && ABSOLUTE.test(address) ? { [name]: address } : {};
}

const OPTIONS: IOptions = {
  allowedTags: ELEMENTS,
  allowedAttributes: {
    a: ["href", "title", "rel"],
    abbr: ["title"],
    img: ["src", "alt", "title", "width", "height"],
    th: ["colspan", "rowspan"],
    td: ["colspan", "rowspan"],
  },
  allowedSchemes: ["https", "http", "mailto"],
  allowedSchemesByTag: { img: ["https", "http"] },
  allowProtocolRelative: false,
  disallowedTagsMode: "discard",
  nestingLimit: MAX_DEPTH,
  transformTags: {
    // A page that was opened must not control the one it came from.
    a: (tagName, { href, ...attribs }) => ({
      tagName,
      attribs: { ...absolute("href", href), ...attribs, rel: "noopener noreferrer nofollow" },
    }),
    img: (tagName, { src, ...attribs }) => ({
      tagName,
      attribs: { ...absolute("src", src), ...attribs },
    }),
  },
  exclusiveFilter: ({ tag, attribs }) => tag === "img" && !attribs.src,
};

let sanitize: typeof Sanitize | undefined;

/** Loads what {@link safeHtml} needs: 25 MB, which only processes with such rooms spend. */
export async function prepareHtml(): Promise<void> {
  // @ts-types="@types/sanitize-html"
  sanitize ??= (await import("sanitize-html")).default;
}

/**
 * Returns the safe part of HTML. Call {@link prepareHtml} first.
 *
 * @example
 * ```ts
 * import { prepareHtml, safeHtml } from "./html.ts";
 * import assert from "node:assert/strict";
 * await prepareHtml();
 * assert.equal(safeHtml("<b>Hello</b> & <i>you</i>"), "<b>Hello</b> &amp; <i>you</i>");
 * assert.equal(safeHtml('<b onclick="alert(1)">x</b><script>alert(2)</script>'), "<b>x</b>");
 * ```
 */
export function safeHtml(html: string): string {
  if (sanitize === undefined) throw new Error("prepareHtml has not been called");
  return sanitize(html, OPTIONS);
}
