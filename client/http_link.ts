/**
 * A link over HTTP. Frames arrive as server-sent events or by long polling and leave in numbered
 * POST requests, one request at a time. See PROTOCOL.md, "Without WebSocket".
 *
 * The client loads this module when it needs it. It therefore imports only types from the others: the
 * package would get a third file for what they share, which every client would have to load.
 *
 * @module
 */
import type { Link, LinkEvents } from "./link.ts";

/** `CONNECTION_LOST` of close_codes.ts. */
const CONNECTION_LOST = 1006;

/** Target size of one POST body, characters. The server accepts 512 KiB. */
const MAX_POST_CHARACTERS = 128 * 1024;

/** Attempts for one request. The server recognizes a repeated request by its number. */
const MAX_ATTEMPTS = 4;

/** Pause before the second attempt, milliseconds. Each further pause is longer by as much. */
const RETRY_STEP_MS = 250;

/** Assumed size of a queued frame, bytes, for {@link Link.pending}. */
const FRAME_BYTES_ESTIMATE = 1_024;

/**
 * Connects over HTTP and returns the link. `base` is a `serverUrl`, ending with a slash. `deliver` takes
 * the text of a frame that arrived.
 */
export function httpLink(
  mode: "sse" | "poll",
  base: string,
  fetch: typeof globalThis.fetch,
  events: LinkEvents,
  deliver: (text: string) => void,
): Link {
  const abort = new AbortController();
  const { signal } = abort;
  const queue: string[] = [];
  let session = "";
  let postNumber = 0;
  let posting = false;

  const end = (code: number, reason: string) => {
    if (signal.aborted) return;
    abort.abort();
    events.closed(code, reason);
  };

  const endRefused = async (response: Response) => {
    const text = await response.text();
    // Only the gateway's own answer means that the origin is forbidden. A proxy's 403 does not.
    const forbidden = /"type":"error","code":"forbidden"/.test(text);
    end(forbidden ? 4003 : CONNECTION_LOST, `${response.status} ${text.slice(0, 200)}`);
  };

  /** Sends a request, and retries it. Returns null if that ended the link. */
  const post = async (path: string, body: string): Promise<Response | null> => {
    for (let attempt = 1;; attempt++) {
      try {
        const response = await fetch(base + path, {
          method: "POST",
          body,
          signal,
          credentials: "omit",
        });
        if (response.ok || signal.aborted) return response;
        if (response.status < 500 || attempt === MAX_ATTEMPTS) {
          await endRefused(response);
          return null;
        }
        await response.body?.cancel();
      } catch (error) {
        if (signal.aborted) return null;
        if (attempt === MAX_ATTEMPTS) {
          end(CONNECTION_LOST, String(error));
          return null;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_STEP_MS * attempt));
    }
  };

  const flush = async () => {
    if (posting || session === "") return;
    posting = true;
    while (queue.length > 0 && !signal.aborted) {
      const lines = [JSON.stringify({ session, n: ++postNumber })];
      for (let size = 0; queue.length > 0 && size < MAX_POST_CHARACTERS;) {
        const text = queue.shift()!;
        size += text.length;
        lines.push(text);
      }
      await post("send", lines.join("\n"));
    }
    posting = false;
  };

  const readStream = async () => {
    const headers = { accept: "text/event-stream" };
    const response = await fetch(`${base}sse`, { headers, signal, credentials: "omit" });
    if (!response.ok) return await endRefused(response);
    const decoder = new TextDecoder();
    const reader = response.body!.getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return end(CONNECTION_LOST, "the event stream ended");
      const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = blocks.pop()!;
      for (const block of blocks) {
        const [, event, data] = /^(?:event: (.*)\n)?data: (.*)$/.exec(block) ?? [];
        if (data === undefined) continue;
        if (event === undefined) deliver(data);
        else if (event === "open") {
          session = JSON.parse(data).session;
          events.opened();
        } else if (event === "close") {
          const { code, reason } = JSON.parse(data);
          end(code, reason);
        }
        if (signal.aborted) return;
      }
    }
  };

  const pollForFrames = async () => {
    let lastAnswer = 0;
    while (!signal.aborted) {
      const request = session === "" ? {} : { session, after: lastAnswer };
      const response = await post("poll", JSON.stringify(request));
      if (response === null || signal.aborted) return;
      const answer = await response.json();
      if (signal.aborted) return;
      lastAnswer = answer.n;
      if (session === "") {
        session = answer.session;
        events.opened();
      }
      for (const frame of answer.frames) if (!signal.aborted) events.frame(frame);
      if (answer.close !== undefined) end(answer.close.code, answer.close.reason);
    }
  };

  const receiving = mode === "sse" ? readStream() : pollForFrames();
  receiving.catch((error) => end(CONNECTION_LOST, String(error)));
  return {
    get pending() {
      return queue.length * FRAME_BYTES_ESTIMATE;
    },
    send(text) {
      queue.push(text);
      void flush();
    },
    close: () => abort.abort(),
  };
}
