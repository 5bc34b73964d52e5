/**
 * Asks a service of this machine whether it is well.
 *
 * @module
 */
import { get } from "node:http";
import { get as getSecurely } from "node:https";

/** How long an answer may take, milliseconds. */
const TIMEOUT_MS = 2_000;

/** A trace that is not sampled, so that services export no spans of health checks. */
export const NOT_SAMPLED = "00-00000000000000000000000000000001-0000000000000001-00";

/**
 * Requests a URL. The certificate of an `https` URL is not checked: it is the service's public name that
 * it holds, and the answer is no secret.
 *
 * @throws {Error} if nobody answers in time
 */
export function probe(url: string): Promise<{ ok: boolean; text: string }> {
  return new Promise((resolve, reject) => {
    // A new connection for each request: several gateways on one port answer in turn.
    const options = {
      agent: false as const,
      timeout: TIMEOUT_MS,
      headers: { traceparent: NOT_SAMPLED },
    };
    const request = url.startsWith("https:")
      ? getSecurely(url, { ...options, rejectUnauthorized: false })
      : get(url, options);
    request.on("timeout", () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    request.on("error", reject);
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part) => text += part);
      response.on("error", reject);
      response.on("end", () => resolve({ ok: response.statusCode === 200, text }));
    });
  });
}
