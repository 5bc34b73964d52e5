/**
 * Asks monitor, for tests.
 *
 * @module
 */
import assert from "node:assert/strict";
import type * as z from "zod";
import { MessageList, Overview, Trace } from "../../services/contract/mod.ts";

/** What monitor answers. */
export interface MonitorClient {
  readonly url: string;
  overview(): Promise<Overview>;
  messages(query?: string): Promise<MessageList>;
  /** Null if there is none. */
  trace(id: string): Promise<Trace | null>;
}

/** Creates a client of the monitor on this port. */
export function monitorOn(port: number, headers: Record<string, string> = {}): MonitorClient {
  const url = `http://127.0.0.1:${port}`;
  const get = async <T>(path: string, schema: z.ZodType<T>): Promise<T | null> => {
    const response = await fetch(`${url}${path}`, { headers });
    const body = await response.json();
    if (response.status === 404) return null;
    assert.equal(response.status, 200, JSON.stringify(body));
    return schema.parse(body);
  };
  return {
    url,
    overview: async () => (await get("/api/overview", Overview))!,
    messages: async (query = "") => (await get(`/api/messages?${query}`, MessageList))!,
    trace: (id) => get(`/api/traces/${id}`, Trace),
  };
}
