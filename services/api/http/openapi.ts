/**
 * Makes the OpenAPI document from the operations, with `@hono/zod-openapi`.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import * as z from "zod";
import { ERROR_NUMBERS, ERRORS, VERSION } from "../../contract/mod.ts";
import { OPERATIONS } from "../operations/mod.ts";
import { ApiFault } from "../operations/publish.ts";

/** What each status means. */
const STATUSES: Readonly<Record<number, string>> = {
  400: "The request is invalid.",
  401: "There is no valid API key.",
  403: "The key may not do this.",
  404: "What the request names does not exist.",
  409: "It conflicts with the present state: a time has passed, or `Idempotency-Key` was used " +
    "with another request.",
  413: "The body or the content is too large.",
  429: "A limit is used up: repeat it after `Retry-After`.",
  500: "A service failed.",
  503: "A service is down or overloaded: repeat it after `Retry-After`.",
  504: "It took too long. It may or may not have been done.",
};

const ABOUT =
  "What back-ends do with Hopwire. Each operation is a POST request with a JSON body and an API key. " +
  "A refused request is answered with `error`: a stable `code`, a `message` for people, and perhaps " +
  "`retryAfter` in milliseconds.";

type Document = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

/** Returns the document: OpenAPI 3.1. */
export function openApiDocument(): Document {
  const app = new OpenAPIHono();
  const registry = app.openAPIRegistry;
  registry.registerComponent("securitySchemes", "key", {
    type: "http",
    scheme: "bearer",
    description: "An API key: see `deno task api-key`.",
  });
  const Refusal = z.strictObject({ error: ApiFault }).openapi("Error");
  const traceparent = {
    description: "The trace that the request belongs to, or begins (W3C Trace Context).",
    schema: { type: "string" as const },
  };
  const refusals = Object.fromEntries(
    Object.entries(STATUSES).map(([status, description]) => [status, {
      description,
      headers: {
        traceparent,
        ...[429, 503, 504].includes(Number(status))
          ? { "Retry-After": { description: "Seconds.", schema: { type: "integer" as const } } }
          : {},
      },
      content: { "application/json": { schema: Refusal } },
    }]),
  );
  for (const operation of OPERATIONS) {
    const needs = operation.scope === null
      ? "Needs the scope of each operation."
      : `Needs the scope \`${operation.scope}\`.`;
    registry.registerPath({
      method: "post",
      path: `/v1/${operation.name}`,
      operationId: operation.name,
      summary: operation.summary,
      description: [operation.description, needs].filter(Boolean).join(" "),
      tags: [operation.scope ?? "batch"],
      security: [{ key: [] }],
      request: {
        headers: z.object({
          "idempotency-key": z.string().regex(/^[!-~]{1,255}$/).optional().openapi({
            description:
              "Repeated within two minutes with the same value, the request is done once.",
          }),
          traceparent: z.string().optional().openapi({
            description:
              "The trace that the request is to be part of (W3C Trace Context). Ignored if malformed.",
          }),
        }),
        body: {
          required: true,
          content: {
            "application/json": { schema: operation.request, example: operation.example },
          },
        },
      },
      responses: {
        200: {
          description: "It is done.",
          headers: { traceparent },
          content: { "application/json": { schema: operation.reply } },
        },
        ...refusals,
      },
    });
  }
  const codes = Object.entries(ERRORS)
    .map(([code, message]) =>
      `- \`${code}\` (${ERROR_NUMBERS[code as keyof typeof ERRORS]}): ${message}`
    );
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Hopwire",
      version: VERSION,
      description: `${ABOUT}\n\n${codes.join("\n")}`,
      license: { name: "MIT" },
    },
    servers: [{ url: "/" }],
  });
}
