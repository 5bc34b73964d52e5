/**
 * Reads the body of a request, up to a limit.
 *
 * @module
 */
import { FaultError } from "../../kit/mod.ts";

/**
 * Returns the text of a body. Stops reading when `signal` is aborted.
 *
 * @throws {FaultError} `too_large` above `max` bytes; `invalid_format` if it is not UTF-8 or breaks off
 */
export async function readBody(
  request: Request,
  max: number,
  signal: AbortSignal,
): Promise<string> {
  const tooLarge = () => new FaultError("too_large", `expected a body of at most ${max} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > max) throw tooLarge();
  if (request.body === null) return "";
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = request.body.getReader();
  // Otherwise a body that never arrives would be waited for as long as its connection lasts.
  const stop = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  let text = "";
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > max) break;
      text += decode(decoder, value);
    }
  } catch (error) {
    if (error instanceof FaultError) throw error;
    throw new FaultError("invalid_format", "the body breaks off");
  } finally {
    signal.removeEventListener("abort", stop);
  }
  if (length > max) {
    stop();
    throw tooLarge();
  }
  return text + decode(decoder);
}

/** Decodes a part of the body, or its end. */
function decode(decoder: TextDecoder, bytes?: Uint8Array): string {
  try {
    return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
  } catch {
    throw new FaultError("invalid_format", "the body is not UTF-8");
  }
}

/**
 * Parses JSON.
 *
 * @throws {FaultError} `invalid_format` if it is none
 */
export function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FaultError("invalid_format", "the body is not JSON");
  }
}
