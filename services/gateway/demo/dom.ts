/**
 * Small things for the page: elements by id, and elements made of text. Nothing here, and nothing on the
 * page, makes markup of what others wrote.
 */

/** An element of the page. */
export function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Makes an element; strings become text. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** An address that may be shown as a link or an image; null for every other. */
export function webAddress(text: unknown): URL | null {
  if (typeof text !== "string" || text.length > 2_000) return null;
  const url = URL.parse(text);
  return url !== null && (url.protocol === "https:" || url.protocol === "http:") ? url : null;
}

/** A hue for a name, always the same. */
export function hueOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)!) % 360;
  return hash;
}
