/**
 * Asks monitor. Everything it answers is parsed by the contract's schemas.
 *
 * @module
 */
// First: it must run before schemas are created.
import "./no_eval.ts";
import type * as z from "zod";
import { MessageList, Overview, Trace } from "../../contract/telemetry/monitor_api.ts";

/** How long an answer may take, milliseconds. */
const TIMEOUT_MS = 8_000;

/** Monitor wants its token. */
export class TokenNeeded extends Error {}

/** What was asked for does not exist. */
export class NotFound extends Error {}

/** `GET /api/overview`. */
export function readOverview(signal: AbortSignal): Promise<Overview> {
  return read("api/overview", Overview, signal);
}

/** `GET /api/messages`. */
export function readMessages(
  search: { room?: string; seq?: number; order?: "slow" | "archive" | "recent"; limit?: number },
  signal: AbortSignal,
): Promise<MessageList> {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) query.set(key, String(value));
  return read(`api/messages?${query}`, MessageList, signal);
}

/** `GET /api/traces/:traceId`. Throws {@link NotFound} if monitor has no such trace. */
export function readTrace(traceId: string, signal: AbortSignal): Promise<Trace> {
  return read(`api/traces/${traceId}`, Trace, signal);
}

/** Sends the token. Monitor sets a cookie if it is the right one. Returns whether it is. */
export async function logIn(token: string): Promise<boolean> {
  const response = await fetch("login", { method: "POST", body: new URLSearchParams({ token }) });
  await response.body?.cancel();
  if (response.ok) return true;
  if (response.status === 401) return false;
  throw new Error(`monitor answered ${response.status}`);
}

async function read<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
  const response = await fetch(path, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    headers: { accept: "application/json" },
  });
  if (response.status === 401) throw new TokenNeeded();
  if (response.status === 404) throw new NotFound();
  if (!response.ok) throw new Error(`monitor answered ${response.status}`);
  const parsed = schema.safeParse(await response.json());
  if (parsed.success) return parsed.data;
  const { path: where, message } = parsed.error.issues[0]!;
  throw new Error(`monitor answered something else than expected: ${where.join(".")}: ${message}`);
}
