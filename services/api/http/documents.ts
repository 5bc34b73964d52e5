/**
 * The OpenAPI document and the page that shows it.
 *
 * @module
 */
import type { Hono } from "hono";
import { answerJson, answerPage } from "./answers.ts";
import { openApiDocument } from "./openapi.ts";
import { createPage } from "./page.ts";

/** Adds `/openapi.json` and `/docs`, which need no key: they say nothing of the system. */
export function addDocuments(app: Hono): void {
  const document = openApiDocument();
  const json = JSON.stringify(document, null, 2);
  const { html, policy } = createPage(document);
  app.get("/openapi.json", () => answerJson(json));
  app.get("/docs", () => answerPage(html, policy));
  app.get("/", (c) => c.redirect("/docs"));
}
