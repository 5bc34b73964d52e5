/**
 * Signs requests as Standard Webhooks: HMAC-SHA256 over id, time and body. No I/O.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { WEBHOOK_SECRET_PREFIX } from "../../contract/mod.ts";

/** What is signed. */
export interface Signed {
  /** `webhook-id`. */
  id: string;
  /** `webhook-timestamp`, seconds since 1970. */
  seconds: number;
  /** The body as it is sent. */
  body: string;
}

/**
 * Returns the headers of a request. With several secrets there is a signature of each, so that a receiver
 * may know any of them.
 *
 * @example
 * ```ts
 * import { signedHeaders } from "./sign.ts";
 * import assert from "node:assert/strict";
 * const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
 * const headers = signedHeaders({ id: "m1", seconds: 1_700_000_000, body: "{}" }, [secret, secret]);
 * assert.equal(headers["webhook-signature"].split(" ").length, 2);
 * ```
 */
export function signedHeaders(
  { id, seconds, body }: Signed,
  secrets: readonly string[],
): Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string> {
  const signatures = secrets.map((secret) => {
    const key = secret.slice(WEBHOOK_SECRET_PREFIX.length);
    const hmac = createHmac("sha256", new Uint8Array(Uint8Array.fromBase64(key)));
    return `v1,${hmac.update(`${id}.${seconds}.${body}`).digest("base64")}`;
  });
  return {
    "webhook-id": id,
    "webhook-timestamp": String(seconds),
    "webhook-signature": signatures.join(" "),
  };
}
