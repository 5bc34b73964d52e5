/**
 * DOM helpers of the demo page. Neither they nor the page ever interpret text of other users as markup.
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

/** Parses an http or https URL, which may become a link or an image; null for anything else. */
export function webAddress(text: unknown): URL | null {
  if (typeof text !== "string" || text.length > 2_000) return null;
  const url = URL.parse(text);
  return url !== null && (url.protocol === "https:" || url.protocol === "http:") ? url : null;
}

/** Returns a hue for a name. Equal names have equal hues. */
export function hueOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)!) % 360;
  return hash;
}
