/**
 * An HTTP client for tests, without the SDK: posts, polls and reads the event stream.
 *
 * @module
 */
import * as z from "zod";
import { PollAnswer } from "../../services/contract/mod.ts";

/** A response of the gateway, with its body as text. */
export interface HttpAnswer {
  status: number;
  headers: Headers;
  text: string;
}

/** Posts a body. */
export async function post(
  url: string,
  body: string,
  init: RequestInit = {},
): Promise<HttpAnswer> {
  const response = await fetch(url, { method: "POST", body, ...init });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** Posts frames as the nth `/send` of a session. */
export function sendFrames(
  base: string,
  session: string,
  n: number,
  ...frames: object[]
): Promise<HttpAnswer> {
  const lines = [{ session, n }, ...frames].map((line) => JSON.stringify(line));
  return post(`${base}/send`, lines.join("\n"));
}

/** Polls. Without a session, the gateway starts one. */
export async function poll(
  base: string,
  head: { session?: string; after?: number } = {},
  headers: HeadersInit = {},
): Promise<z.infer<typeof PollAnswer>> {
  const { status, text } = await post(`${base}/poll`, JSON.stringify(head), { headers });
  if (status !== 200) throw new Error(`${status}: ${text}`);
  return PollAnswer.parse(JSON.parse(text));
}

/** One server-sent event. */
export interface StreamEvent {
  event: string;
  data: Record<string, unknown>;
}

/** An event stream, read event by event. */
export interface Stream extends AsyncDisposable {
  session: string;
  headers: Headers;
  /** Returns the next event, skipping comments; null at the end. */
  next(): Promise<StreamEvent | null>;
  /** Returns the next frame of a type, skipping others. */
  take(type: string): Promise<Record<string, unknown>>;
}

/** Opens an event stream and reads its `open` event. */
export async function openStream(base: string, headers: HeadersInit = {}): Promise<Stream> {
  const abort = new AbortController();
  const response = await fetch(`${base}/sse`, { headers, signal: abort.signal });
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  const next = async (): Promise<StreamEvent | null> => {
    for (;;) {
      const end = rest.indexOf("\n\n");
      if (end < 0) {
        const { done, value } = await reader.read();
        if (done) return null;
        rest += value;
        continue;
      }
      const block = rest.slice(0, end);
      rest = rest.slice(end + 2);
      const fields = Object.fromEntries(
        block.split("\n").map((line) => {
          const colon = line.indexOf(":");
          return [line.slice(0, colon), line.slice(colon + 1).trim()];
        }),
      );
      if (fields.data === undefined) continue;
      return { event: fields.event ?? "message", data: JSON.parse(fields.data) };
    }
  };
  const opened = await next();
  return {
    session: z.string().parse(opened?.data.session),
    headers: response.headers,
    next,
    async take(type) {
      for (;;) {
        const event = await next();
        if (event === null) throw new Error(`the stream ended before a "${type}"`);
        if (event.data.type === type) return event.data;
      }
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
      await reader.cancel().catch(() => {});
    },
  };
}
