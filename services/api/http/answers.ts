/**
 * What the API answers: JSON, and one shape of errors.
 *
 * @module
 */
import { ERROR_NUMBERS, type Fault } from "../../contract/mod.ts";

/** Headers of every answer. */
const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
};

/** Answers with JSON. */
export function answerJson(
  json: string,
  status = 200,
  headers: Record<string, string> = {},
): Response {
  return new Response(json, {
    status,
    headers: { ...HEADERS, "content-type": "application/json", ...headers },
  });
}

/** Answers with a page that has a content policy of its own. */
export function answerPage(html: string, policy: string): Response {
  const type = { "content-type": "text/html; charset=utf-8" };
  return new Response(html, {
    headers: { ...HEADERS, ...type, "content-security-policy": policy },
  });
}

/** Answers with a refusal. `status` is that of its code by default. */
export function answerFault(
  fault: Fault,
  headers: Record<string, string> = {},
  status: number = ERROR_NUMBERS[fault.code],
): Response {
  const more: Record<string, string> = { ...headers };
  // Whole seconds: HTTP knows no others.
  if (fault.retryAfter !== undefined) {
    more["retry-after"] = String(Math.max(1, Math.ceil(fault.retryAfter / 1_000)));
  }
  if (status === 401) more["www-authenticate"] = 'Bearer realm="hopwire"';
  return answerJson(JSON.stringify({ error: fault }), status, more);
}
