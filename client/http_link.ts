/**
 * A connection over HTTP: frames come as server-sent events or by long polling, and go by numbered
 * posts, one at a time. See PROTOCOL.md, "Without WebSocket".
 *
 * @module
 */
import { give, type Link, type LinkEvents, LOST } from "./link.ts";

/** Texts that go in one post, characters. The server takes 512 KiB. */
const MAX_POST = 128 * 1024;

/** How often a request that did not get through is made, and how long after the one before, ms. */
const [TRIES, AGAIN_MS] = [4, 250];

/** Connects over HTTP. `base` ends with a slash. */
export function httpLink(
  mode: "sse" | "poll",
  base: string,
  fetch: typeof globalThis.fetch,
  events: LinkEvents,
): Link {
  const abort = new AbortController();
  const { signal } = abort;
  const waiting: string[] = [];
  let session = "";
  let posts = 0;
  let posting = false;

  const end = (code: number, reason: string) => {
    if (signal.aborted) return;
    abort.abort();
    events.closed(code, reason);
  };
  const refused = async (response: Response) => {
    const text = await response.text();
    // The gateway's own word, not that of something between.
    const ours = /"type":"error","code":"forbidden"/.test(text);
    end(ours ? 4003 : LOST, `${response.status} ${text.slice(0, 200)}`);
  };

  /** Posts, again where it did not get through. Null where that is over. */
  const post = async (path: string, body: string): Promise<Response | null> => {
    for (let tries = 1;; tries++) {
      try {
        const response = await fetch(base + path, {
          method: "POST",
          body,
          signal,
          credentials: "omit",
        });
        if (response.ok || signal.aborted) return response;
        if (response.status < 500 || tries === TRIES) {
          await refused(response);
          return null;
        }
        await response.body?.cancel();
      } catch (error) {
        if (signal.aborted) return null;
        if (tries === TRIES) {
          end(LOST, String(error));
          return null;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS * tries));
    }
  };

  const flush = async () => {
    if (posting || session === "") return;
    posting = true;
    while (waiting.length > 0 && !signal.aborted) {
      const lines = [JSON.stringify({ session, n: ++posts })];
      for (let size = 0; waiting.length > 0 && size < MAX_POST;) {
        const text = waiting.shift()!;
        size += text.length;
        lines.push(text);
      }
      await post("send", lines.join("\n"));
    }
    posting = false;
  };

  const stream = async () => {
    const headers = { accept: "text/event-stream" };
    const response = await fetch(`${base}sse`, { headers, signal, credentials: "omit" });
    if (!response.ok) return await refused(response);
    const decoder = new TextDecoder();
    const reader = response.body!.getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return end(LOST, "the stream ended");
      const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = blocks.pop()!;
      for (const block of blocks) {
        const [, event, data] = /^(?:event: (.*)\n)?data: (.*)$/.exec(block) ?? [];
        if (data === undefined) continue;
        if (event === undefined) give(events, data);
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

  const polls = async () => {
    let after = 0;
    while (!signal.aborted) {
      const response = await post(
        "poll",
        JSON.stringify(session === "" ? {} : { session, after }),
      );
      if (response === null || signal.aborted) return;
      const answer = await response.json();
      if (signal.aborted) return;
      after = answer.n;
      if (session === "") {
        session = answer.session;
        events.opened();
      }
      for (const frame of answer.frames) if (!signal.aborted) events.frame(frame);
      if (answer.close !== undefined) end(answer.close.code, answer.close.reason);
    }
  };

  (mode === "sse" ? stream() : polls()).catch((error) => end(LOST, String(error)));
  return {
    get pending() {
      return waiting.length * 1_024;
    },
    send(text) {
      waiting.push(text);
      void flush();
    },
    close: () => abort.abort(),
  };
}
