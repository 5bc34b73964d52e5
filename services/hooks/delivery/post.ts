/**
 * Posts a body to an endpoint: without following redirects, within a deadline, and reading little of the answer.
 *
 * @module
 */
import { lookup as lookupName } from "node:dns";
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { isLoopbackHost, type WebhookEndpoint } from "../../contract/mod.ts";
import { errorText } from "../../kit/mod.ts";
import { isPrivateAddress } from "./address.ts";

/** Bytes of an answer that are read; its connection is closed if there are more. */
const MAX_ANSWER_BYTES = 16_384;

/** Characters of an answer that a reason has. */
const MAX_SHOWN = 200;

/** The longest `Retry-After` that counts, milliseconds. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** How a request ended. */
export interface Outcome {
  /** Whether the endpoint acknowledged it: with a status of 200 to 299. */
  ok: boolean;
  /** The status; 0 if there was none. */
  status: number;
  /** The status and the start of the answer, or what went wrong. */
  text: string;
  /** How long the endpoint wants to be left alone, milliseconds. */
  retryAfterMs?: number;
}

/** Posts to one endpoint. */
export interface Poster {
  /** Posts a body. Never rejects. */
  post(body: string, headers: Record<string, string>): Promise<Outcome>;
  /** Closes its connections. Requests in progress fail. */
  close(): void;
}

/**
 * Reads `Retry-After`: seconds, or a time.
 *
 * @example
 * ```ts
 * import { retryAfterOf } from "./post.ts";
 * import assert from "node:assert/strict";
 * assert.equal(retryAfterOf("7", 0), 7_000);
 * assert.equal(retryAfterOf("Thu, 01 Jan 1970 00:00:09 GMT", 2_000), 7_000);
 * assert.equal(retryAfterOf("soon", 0), undefined);
 * ```
 */
export function retryAfterOf(text: string | undefined, now: number): number | undefined {
  if (text === undefined || text.length > 64) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isFinite(ms) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}

/** Makes the poster of an endpoint. `resolve` finds the addresses of a name. */
export function createPoster(
  endpoint: Pick<
    WebhookEndpoint,
    "url" | "timeoutMs" | "concurrency" | "allowPrivate"
  >,
  resolve: LookupFunction = lookupName,
): Poster {
  const url = new URL(endpoint.url);
  const secure = url.protocol === "https:";
  const options = { keepAlive: true, maxSockets: endpoint.concurrency, timeout: 60_000 };
  const agent = secure ? new HttpsAgent(options) : new HttpAgent(options);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  // Who writes a loopback address into the file wants it.
  const anywhere = endpoint.allowPrivate || isLoopbackHost(url.hostname);
  const refused = `${url.hostname} has a private address: see allowPrivate`;
  const lookup: LookupFunction = (name, options, done) =>
    resolve(name, options, (error, found, family) => {
      if (error) return done(error, found as string, family);
      const addresses = Array.isArray(found) ? found : [{ address: found }];
      const blocked = !anywhere && addresses.some(({ address }) => isPrivateAddress(address));
      done(blocked ? new Error(refused) : null, found as string, family);
    });

  return {
    async post(body, headers) {
      if (!anywhere && isIP(host) !== 0 && isPrivateAddress(host)) {
        return { ok: false, status: 0, text: refused };
      }
      return await new Promise((done) => {
        let ended = false;
        const end = (outcome: Outcome) => {
          if (ended) return;
          ended = true;
          clearTimeout(timer);
          done(outcome);
        };
        const failed = (text: string) => {
          end({ ok: false, status: 0, text });
          request.destroy();
        };
        const timer = setTimeout(
          () => failed(`no answer within ${endpoint.timeoutMs} ms`),
          endpoint.timeoutMs,
        );
        const request = (secure ? requestHttps : requestHttp)(url, {
          method: "POST",
          agent,
          lookup,
          headers: {
            "content-type": "application/json",
            "content-length": String(new TextEncoder().encode(body).length),
            "user-agent": "Hopwire-Webhooks/1",
            ...headers,
          },
        }, (answer) => void readAnswer(answer).then(end));
        request.on("error", (error) => failed(errorText(error)));
        request.end(body);
      });
    },
    close: () => agent.destroy(),
  };
}

async function readAnswer(answer: IncomingMessage): Promise<Outcome> {
  const { statusCode: status = 0, headers } = answer;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) {
        answer.destroy();
        break;
      }
    }
  } catch {
    // The status counts.
  }
  const ok = status >= 200 && status < 300;
  const said = new TextDecoder().decode(chunks[0]?.subarray(0, MAX_SHOWN))
    // Operators read it in a terminal.
    .replace(/\s+/g, " ").replace(/\p{Cc}/gu, "");
  const text = `HTTP ${status}${ok || said === "" ? "" : `: ${said}`}`;
  return { ok, status, text, retryAfterMs: retryAfterOf(headers["retry-after"], Date.now()) };
}
