/**
 * Reads request bodies. One limit bounds each body, another bounds all bodies that are being read.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { MAX_POST_BYTES } from "../../contract/mod.ts";
import { type HttpAnswer, refusal } from "./http_answer.ts";

/** Bytes that all bodies being read may take together: slow uploads must not exhaust the memory. */
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;

/** Bytes of a refused body that are read and discarded before the connection is closed. */
const MAX_DISCARDED_BYTES = 8 * MAX_POST_BYTES;

/**
 * Parts of a body from which they must have this many bytes on average. Each takes 4 us, also one of a byte:
 * a body in chunks of one byte would keep the gateway from everything else for many seconds.
 */
const MAX_SMALL_PARTS = 4_096;
const MIN_AVERAGE_BYTES = 64;

/** First size of a body's buffer, bytes. Most posts are smaller. */
const INITIAL_BYTES = 4 * 1024;

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Bytes of all buffers in use. */
let total = 0;

/**
 * Reads a request's body. Returns its text, or the answer that refuses it: `too_large` above
 * {@link MAX_POST_BYTES}, `unavailable` if all bodies together exceed `maxTotal` bytes,
 * `invalid_format` if it is not UTF-8 or comes in too many small parts. Returns null if the client disconnects. Never rejects.
 */
export async function readBody(
  request: IncomingMessage,
  maxTotal = MAX_TOTAL_BYTES,
): Promise<{ text: string } | { refused: HttpAnswer } | null> {
  // One growing buffer instead of a list of parts: a client may send its body byte by byte.
  let buffer = Buffer.allocUnsafe(0);
  let length = 0;
  let parts = 0;
  let refused: HttpAnswer | null = null;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      if (++parts > MAX_SMALL_PARTS && length < parts * MIN_AVERAGE_BYTES) {
        refused ??= refusal("invalid_format", "too many small parts");
        break;
      }
      if (refused !== null) {
        // Reads and discards the rest, up to a limit. A client that is still sending may not read the
        // answer.
        length += part.length;
        if (length > MAX_DISCARDED_BYTES) break;
        continue;
      }
      if (length + part.length > MAX_POST_BYTES) {
        refused = refusal("too_large", `more than ${MAX_POST_BYTES} bytes`);
      } else if (length + part.length > buffer.length) {
        const size = Math.max(INITIAL_BYTES, buffer.length * 2, length + part.length);
        if (total - buffer.length + size > maxTotal) {
          refused = refusal("unavailable", "too many posts are being read");
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
