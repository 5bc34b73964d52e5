/**
 * The routes of what monitor shows: `/api` and `/metrics`.
 *
 * @module
 */
import type { Hono } from "hono";
import * as z from "zod";
import type { MessageList, Overview, Trace } from "../../contract/mod.ts";
import { MAX_MESSAGES, MESSAGE_ORDERS, type MessageSearch } from "../traces/summaries.ts";
import type { Access } from "./access.ts";
import { PROMETHEUS_TYPE } from "./prometheus.ts";

/** What the routes answer. */
export interface Views {
  overview(): Overview;
  messages(search: MessageSearch): MessageList;
  trace(id: string): Trace | undefined;
  prometheus(): string;
}

const whole = z.string().regex(/^\d{1,15}$/, "expected a whole number").transform(Number);

const Search = z.object({
  room: z.string().max(512).optional(),
  seq: whole.optional(),
  order: z.enum(MESSAGE_ORDERS).default("slow"),
  limit: whole.pipe(z.number().min(1).max(MAX_MESSAGES)).default(MAX_MESSAGES),
});

/** Adds the routes. */
export function addApiRoutes(app: Hono, access: Access, views: Views): void {
  for (const path of ["/", "/api/*", "/metrics"]) app.use(path, access.viewers);
  app.get("/api/overview", (c) => c.json(views.overview()));
  app.get("/api/messages", (c) => {
    const query = Object.entries(c.req.query()).filter(([, value]) => value !== "");
    const parsed = Search.safeParse(Object.fromEntries(query));
    if (parsed.success) return c.json(views.messages(parsed.data));
    const { path, message } = parsed.error.issues[0]!;
    return c.json({ error: `${path.join(".")}: ${message}` }, 400);
  });
  app.get("/api/traces/:id", (c) => {
    const id = c.req.param("id").toLowerCase();
    if (!/^[0-9a-f]{32}$/.test(id)) {
      return c.json({ error: "expected a trace id: 32 hexadecimal digits" }, 400);
    }
    const trace = views.trace(id);
    return trace === undefined
      ? c.json({ error: "monitor has no such trace: it was not sampled, or it is too old" }, 404)
      : c.json(trace);
  });
  app.get("/metrics", (c) => c.body(views.prometheus(), 200, { "content-type": PROMETHEUS_TYPE }));
}
