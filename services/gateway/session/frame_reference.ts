/**
 * Finds the `id` and the `room` of a frame without parsing it, for the refusal of a frame that costs more
 * than its sender may use. One pass over the text; nothing is built. No I/O.
 *
 * @module
 */
import { FrameId, RoomName } from "../../contract/mod.ts";

const BACKSLASH = 92;

/** The `id` and `room` at the top level of a frame's text, if they are there and valid. */
export function referenceOfText(text: string): { id?: string; room?: string } {
  const found: { id?: string; room?: string } = {};
  let depth = 0;
  let key = "";
  for (let i = 0, steps = 0; i < text.length && steps < MAX_STEPS; i++, steps++) {
    switch (text[i]) {
      case "{":
      case "[":
        depth++;
        break;
      case "}":
      case "]":
        depth--;
        break;
      case ",":
        if (depth === 1) key = "";
        break;
      case '"': {
        const end = endOfString(text, i + 1);
        if (depth === 1) {
          const value = text.slice(i + 1, Math.min(end, i + 1 + MAX_VALUE));
          if (key === "") key = value;
          else if (key === "id" && FrameId.safeParse(value).success) found.id = value;
          else if ((key === "room" || key === "channel") && RoomName.safeParse(value).success) {
            found.room ??= value;
          }
        }
        i = end;
      }
    }
  }
  return found;
}

/** Characters of a string that are looked at: more than an id or a room's name has. */
const MAX_VALUE = 300;

/** Steps after which a frame has no id: those between strings, which are passed over in one. */
const MAX_STEPS = 4_096;

/** Quotes in one string that are looked at, and backslashes before each. */
const MAX_ESCAPES = 256;

/** The index of the quote that ends a string. */
function endOfString(text: string, from: number): number {
  for (let i = from, quotes = 0; quotes < MAX_ESCAPES; quotes++) {
    const quote = text.indexOf('"', i);
    if (quote < 0) break;
    let backslashes = 0;
    while (backslashes < MAX_ESCAPES && quote - backslashes > from) {
      if (text.charCodeAt(quote - backslashes - 1) !== BACKSLASH) break;
      backslashes++;
    }
    if (backslashes % 2 === 0) return quote;
    i = quote + 1;
  }
  return text.length;
}
