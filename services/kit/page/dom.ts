/**
 * DOM helpers of the pages. None of them interprets a text as markup.
 *
 * @module
 */

/** Returns the element with an id. */
export function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Creates an element. String children become text nodes. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Creates an SVG element with attributes. */
export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Record<string, string | number> = {},
  ...children: Node[]
): SVGElementTagNameMap[Name] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** Creates an icon: a symbol that the page defines as `i-<name>`. It is hidden from screen readers. */
export function glyph(name: string): SVGSVGElement {
  const use = svg("use", { href: `#i-${name}` });
  return svg("svg", { class: "glyph", "aria-hidden": "true" }, use);
}

/** Sets the text of an element if it changed, so that nothing is announced or laid out again. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Parses an http or https URL, which may become a link or an image; null for anything else. */
export function webAddress(text: unknown): URL | null {
  if (typeof text !== "string" || text.length > 2_000) return null;
  const url = URL.parse(text);
  return url !== null && (url.protocol === "https:" || url.protocol === "http:") ? url : null;
}
