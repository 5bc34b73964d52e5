/**
 * Bodies of requests: read whole, each within its limit and all of them together within one.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { MAX_POST_BYTES } from "../../contract/mod.ts";
import { type Answer, refusal } from "./http_answer.ts";

/** Bytes that bodies which are being read may take together. */
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;

/** What a body is given at first: most posts are smaller. */
const FIRST_BYTES = 4 * 1024;

const decoder = new TextDecoder("utf-8", { fatal: true });

let total = 0;

/** The text of a body, or why there is none; null where its client is gone. */
export async function bodyOf(
  request: IncomingMessage,
  maxTotal = MAX_TOTAL_BYTES,
): Promise<{ text: string } | { refused: Answer } | null> {
  // One buffer that grows: a client may send its body byte by byte.
  let buffer = Buffer.allocUnsafe(0);
  let length = 0;
  let refused: Answer | null = null;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      if (refused !== null) {
        // The rest is let go, up to a point: an answer to a request that is half sent may not arrive.
        length += part.length;
        if (length > MAX_POST_BYTES * 8) break;
        continue;
      }
      if (length + part.length > MAX_POST_BYTES) {
        refused = refusal("too_large", `more than ${MAX_POST_BYTES} bytes`);
      } else if (length + part.length > buffer.length) {
        const size = Math.max(FIRST_BYTES, buffer.length * 2, length + part.length);
        if (total - buffer.length + size > maxTotal) {
          refused = refusal("unavailable", "too many posts");
        } else {
          total += size - buffer.length;
          const larger = Buffer.allocUnsafe(size);
          buffer.copy(larger, 0, 0, length);
          buffer = larger;
        }
      }
      if (refused !== null) {
        total -= buffer.length;
        buffer = Buffer.allocUnsafe(0);
      } else {
        part.copy(buffer, length);
      }
      length += part.length;
    }
    if (refused !== null) return { refused };
    try {
      return { text: decoder.decode(buffer.subarray(0, length)) };
    } catch {
      return { refused: refusal("invalid_format", "not UTF-8") };
    }
  } catch {
    return null;
  } finally {
    total -= buffer.length;
  }
}
