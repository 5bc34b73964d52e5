/**
 * The content of messages and signals: checked, and made safe where the namespace requires HTML. All else
 * is passed on as it is.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type ContentMode, hasLoneSurrogate, MAX_CONTENT_BYTES } from "../../contract/mod.ts";
import { FaultError } from "../fault_error.ts";
import { safeHtml } from "./html.ts";

/**
 * Longest HTML, characters. The worst took 24 ms at 32 KiB, which a client could send 200 times a second;
 * text as people write it takes a third.
 */
const MAX_HTML_LENGTH = 8 * 1024;

/**
 * Returns the JSON of a content.
 *
 * @throws {FaultError} `too_large` above MAX_CONTENT_BYTES or MAX_HTML_LENGTH; `invalid_format` if it is nested too deep, has
 * a lone surrogate, or is not a string where the room requires HTML
 */
export function contentJson(content: unknown, mode: ContentMode = "any"): string {
  if (mode === "html") {
    if (typeof content !== "string") {
      throw new FaultError("invalid_format", "content: this room requires a string of HTML");
    }
    if (content.length > MAX_HTML_LENGTH) {
      throw new FaultError("too_large", `more than ${MAX_HTML_LENGTH} characters of HTML`);
    }
    content = safeHtml(content);
  }
  let json: string;
  try {
    json = JSON.stringify(content);
  } catch {
    throw new FaultError("invalid_format", "content: nested too deep");
  }
  // UTF-8 takes at most three bytes per UTF-16 unit, so most contents need no exact count.
  if (json.length * 3 > MAX_CONTENT_BYTES && Buffer.byteLength(json) > MAX_CONTENT_BYTES) {
    throw new FaultError("too_large", `more than ${MAX_CONTENT_BYTES} bytes of JSON`);
  }
  if (hasLoneSurrogate(json)) {
    throw new FaultError("invalid_format", "content: a lone surrogate is not a character");
  }
  return json;
}
