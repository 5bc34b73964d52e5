/**
 * Finds web addresses in a text. Only http and https become links. No DOM.
 *
 * @module
 */

/** A part of a text: plain, or a link to `href`. */
export interface Segment {
  text: string;
  href?: string;
}

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`\p{Cc}\p{Cf}]+/giu;

/** Most links in one message; the rest stays text. */
const MAX_LINKS = 50;

/** Splits a text into plain parts and links. Together they are the text. */
export function segmentsOf(text: string): Segment[] {
  const found: Segment[] = [];
  let end = 0;
  let links = 0;
  for (const match of text.matchAll(ADDRESS)) {
    if (++links > MAX_LINKS) break;
    const address = withoutPunctuation(match[0]);
    const url = address.length > 2_000 ? null : URL.parse(address);
    // A name and a password in an address make it look like another one.
    if (url === null || url.hostname === "" || url.username !== "" || url.password !== "") continue;
    if (url.protocol !== "https:" && url.protocol !== "http:") continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: address, href: url.href });
    end = match.index + address.length;
  }
  if (end < text.length || found.length === 0) found.push({ text: text.slice(end) });
  return found;
}

/** Removes what ends a sentence and not the address, and a bracket that was opened before it. */
function withoutPunctuation(address: string): string {
  let end = address.length;
  while (end > 0) {
    const last = address[end - 1]!;
    const isPunctuation = ".,;:!?*_~".includes(last);
    const kept = address.slice(0, end);
    const isUnopened = (last === ")" && count(kept, ")") > count(kept, "(")) ||
      (last === "]" && count(kept, "]") > count(kept, "["));
    if (!isPunctuation && !isUnopened) break;
    end--;
  }
  return address.slice(0, end);
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}
