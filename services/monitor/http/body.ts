/**
 * Reads the body of a request, up to a limit, and unpacks it.
 *
 * @module
 */

/** A body was refused. */
export class BodyError extends Error {
  override name = "BodyError";
  /** The status to answer with. */
  readonly status: 400 | 408 | 413 | 415;

  /** Creates the error. */
  constructor(status: 400 | 408 | 413 | 415, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Reads a body. A sender that is gone without a word never ends it, so it may take `deadlineMs` at most.
 *
 * @throws {BodyError} if it is larger than `limit` bytes, takes longer, or the sender gave up
 */
export async function readBody(
  request: Request,
  limit: number,
  deadlineMs: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge(limit);
  if (request.body === null) return new Uint8Array();
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), deadlineMs);
  try {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    // Fails together with the reading below.
    request.body.pipeTo(writable, { signal: over.signal }).catch(() => {});
    return await collect(readable, limit);
  } catch (error) {
    if (error instanceof BodyError) throw error;
    if (over.signal.aborted) {
      throw new BodyError(408, `the body took longer than ${deadlineMs} ms`);
    }
    throw new BodyError(400, "the body ended early");
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Unpacks a body; `encoding` is the header `Content-Encoding`.
 *
 * @throws {BodyError} if it is packed in another way than gzip, damaged, or larger than `limit` bytes
 */
export async function unpack(
  body: Uint8Array<ArrayBuffer>,
  encoding: string | undefined,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (encoding === undefined || encoding === "" || encoding === "identity") return body;
  if (encoding !== "gzip") {
    throw new BodyError(415, `Content-Encoding: expected gzip (got ${encoding.slice(0, 40)})`);
  }
  try {
    const stream = new Blob([body]).stream().pipeThrough(new DecompressionStream("gzip"));
    return await collect(stream, limit);
  } catch (error) {
    if (error instanceof BodyError) throw error;
    throw new BodyError(400, "the body is not gzip");
  }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels the stream.
  for await (const part of stream) {
    size += part.length;
    if (size > limit) throw tooLarge(limit);
    parts.push(part);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

function tooLarge(limit: number): BodyError {
  return new BodyError(413, `the body is larger than ${limit} bytes`);
}
