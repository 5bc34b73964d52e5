/**
 * The OpenAPI document of monitor: what it tells programs about messages, processes and metrics.
 *
 * @module
 */
import * as z from "zod";
import { MessageSearch, VERSION } from "../../contract/mod.ts";
import { definitionsOf, type Json, type JsonObject, neededBy } from "./json_schemas.ts";
import { MONITOR_SCHEMAS } from "./named_schemas.ts";

const PREFIX = "#/components/schemas/";
const TRACE_ID = "9f8528faa19df21a9bd298d6d8478298";

const ref = (name: string): JsonObject => ({ $ref: PREFIX + name });

/** An answer with a JSON body. */
const answer = (description: string, schema: string, example?: Json): JsonObject => ({
  description,
  content: {
    "application/json": { schema: ref(schema), ...(example === undefined ? {} : { example }) },
  },
});

const refused = (description: string, error: string) =>
  answer(description, "MonitorRefusal", { error });

/** What answers who may not see anything. */
const REFUSALS: JsonObject = {
  401: refused(
    "With `MONITOR_TOKEN`: the token is missing or wrong.",
    "send MONITOR_TOKEN as Authorization: Bearer",
  ),
  403: refused(
    "Without `MONITOR_TOKEN`: the request comes from another machine, or names another host.",
    "set MONITOR_TOKEN on monitor, and send it as Authorization: Bearer",
  ),
};

/** The parameters of {@link MessageSearch}. */
function searchParameters(): Json[] {
  const { properties } = z.toJSONSchema(MessageSearch, { io: "output" }) as unknown as {
    properties: Record<string, JsonObject>;
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    description: description!,
    schema,
  }));
}

/** Returns the document. */
export function monitorOpenApi(descriptions: Readonly<Record<string, string>>): JsonObject {
  const definitions = definitionsOf(MONITOR_SCHEMAS, {
    dialect: "draft-2020-12",
    prefix: PREFIX,
    descriptions,
  });
  const get = (operationId: string, summary: string, rest: JsonObject): JsonObject => ({
    get: { operationId, summary, security: [{}, { token: [] }], ...rest },
  });
  const message = {
    traceId: TRACE_ID,
    room: "chat.lobby",
    seq: 3,
    at: 1_795_635_808_501_000,
    duration: 26_400,
    delivery: 4_080,
    slowestHop: "archive.wait",
    slowestDeliveryHop: "bus.store",
    slow: false,
    error: null,
  };
  const paths: JsonObject = {
    "/api/overview": get("readOverview", "All that the page shows but single messages.", {
      responses: { 200: answer("The window, as it is now.", "MonitorOverview"), ...REFUSALS },
    }),
    "/api/messages": get("findMessages", "Messages of the window that have a trace.", {
      parameters: searchParameters(),
      responses: {
        200: answer("The messages.", "MonitorMessages", { messages: [message] }),
        400: refused("The query is not as expected.", "seq: expected a whole number"),
        ...REFUSALS,
      },
    }),
    "/api/traces/{traceId}": get("readTrace", "Every span of one trace, by start.", {
      parameters: [{
        name: "traceId",
        in: "path",
        required: true,
        description: "32 hexadecimal digits.",
        schema: { type: "string", pattern: "^[0-9a-fA-F]{32}$" },
        example: TRACE_ID,
      }],
      responses: {
        200: answer("The trace.", "MonitorTrace"),
        400: refused("It is no trace id.", "expected a trace id: 32 hexadecimal digits"),
        404: refused(
          "There is no such trace.",
          "monitor has no such trace: it was not sampled, or it is too old",
        ),
        ...REFUSALS,
      },
    }),
    "/metrics": get(
      "readMetrics",
      "Everything that was received, in the text format of Prometheus.",
      {
        responses: {
          200: {
            description: "The metrics.",
            content: { "text/plain": { schema: { type: "string" } } },
          },
          ...REFUSALS,
        },
      },
    ),
    "/openapi.json": {
      get: {
        operationId: "readMonitorOpenApi",
        summary: "This document, for everybody.",
        responses: {
          200: {
            description: "The document.",
            content: { "application/json": { schema: { type: "object" } } },
          },
        },
      },
    },
  };
  return {
    openapi: "3.1.0",
    info: {
      title: "Hopwire monitor",
      version: VERSION,
      description:
        "Where the time of messages goes, and how each process fares. Times are microseconds " +
        "since 1970, durations microseconds.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "http://127.0.0.1:8090", description: "monitor" }],
    paths,
    components: {
      schemas: neededBy(paths, definitions, PREFIX),
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "`MONITOR_TOKEN`, if it is set." },
      },
    },
  };
}
