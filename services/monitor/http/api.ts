/**
 * The routes of what monitor shows: `/api` and `/metrics`, and the document that describes them.
 *
 * @module
 */
import type { Hono } from "hono";
import openapi from "../../contract/generated/monitor-openapi.json" with { type: "json" };
import { type MessageList, MessageSearch, type Overview, type Trace } from "../../contract/mod.ts";
import type { Access } from "./access.ts";
import { PROMETHEUS_TYPE } from "./prometheus.ts";

/** What the routes answer. */
export interface Views {
  overview(): Overview;
  messages(search: MessageSearch): MessageList;
  trace(id: string): Trace | undefined;
  prometheus(): string;
}

/** Adds the routes. */
export function addApiRoutes(app: Hono, access: Access, views: Views): void {
  for (const path of ["/", "/api/*", "/metrics"]) app.use(path, access.viewers);
  app.get("/api/overview", (c) => c.json(views.overview()));
  app.get("/api/messages", (c) => {
    const query = Object.entries(c.req.query()).filter(([, value]) => value !== "");
    const parsed = MessageSearch.safeParse(Object.fromEntries(query));
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
  // It says nothing of the system.
  app.get("/openapi.json", (c) => c.json(openapi));
  app.get("/metrics", (c) => c.body(views.prometheus(), 200, { "content-type": PROMETHEUS_TYPE }));
}
