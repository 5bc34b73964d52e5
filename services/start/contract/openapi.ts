/**
 * The OpenAPI document: frames over HTTP, health, the documents themselves, and auth's development
 * tokens.
 *
 * @module
 */
import { MAX_POST_BYTES, VERSION } from "../../contract/mod.ts";
import { definitionsOf, type Json, type JsonObject, neededBy } from "./json_schemas.ts";
import { SCHEMAS } from "./named_schemas.ts";
import { type ProtocolText, withoutLinks } from "./protocol_text.ts";
import { webhookRequests } from "./webhook_requests.ts";

const PREFIX = "#/components/schemas/";
const SESSION = "5f0c9a.0af7651916cd43dd8448eb211c80319c";

const ref = (name: string): JsonObject => ({ $ref: PREFIX + name });

/** An answer with a JSON body. */
function answer(description: string, schema: string, example?: Json): JsonObject {
  const content = { schema: ref(schema), ...(example === undefined ? {} : { example }) };
  return { description, content: { "application/json": content } };
}

/** What refuses a request to one of the paths that carry frames. */
function refusals(...statuses: number[]): JsonObject {
  const why: Readonly<Record<number, string>> = {
    400: "`invalid_format`: the body is not as expected.",
    403: "`forbidden`: pages of this origin may not connect.",
    404: "`session_not_found`: the session does not exist or has ended; open a new one.",
    405: "`invalid_format`: another method is expected.",
    413: `\`too_large\`: the body has more than ${MAX_POST_BYTES / 1024} KiB.`,
    429: "`rate_limited`: connections from this address.",
    503: "`unavailable`: try again later.",
  };
  return Object.fromEntries(
    statuses.map((status) => [status, answer(why[status]!, "ErrorFrame")]),
  );
}

const events = (text: string): JsonObject => ({
  "text/event-stream": { schema: { type: "string" }, example: text },
});

/** Returns the document. */
export function openApi(
  protocol: ProtocolText,
  descriptions: Readonly<Record<string, string>>,
): JsonObject {
  const definitions = definitionsOf(SCHEMAS, {
    dialect: "draft-2020-12",
    prefix: PREFIX,
    descriptions,
  });
  const paths: JsonObject = { ...framePaths(protocol), ...otherPaths(), "/token": tokenPath() };
  const webhooks = webhookRequests(ref);
  const also = [
    webhooks,
    ref("ClientFrame"),
    ref("StreamOpened"),
    ref("SessionClosed"),
    ref("SendHead"),
  ];
  return {
    openapi: "3.1.0",
    info: {
      title: "Hopwire over HTTP",
      version: VERSION,
      description:
        "What gateways and auth answer over HTTP. The frames of the WebSocket, and the " +
        "subjects of the bus, are in the AsyncAPI document.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "The gateway that serves this document." }],
    tags: [
      { name: "frames", description: "The client protocol." },
      { name: "health", description: "Every service has these two, on its own port." },
      { name: "documents", description: "With `API_DOCS`." },
      { name: "webhooks", description: "Requests of Hopwire to your back-end." },
      { name: "development", description: "With `AUTH_DEV_TOKENS`, on auth." },
    ],
    paths,
    webhooks,
    components: {
      schemas: neededBy([paths, also], definitions, PREFIX),
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: "The client's token. It may come in an `auth` frame instead.",
        },
      },
    },
  };
}

/** The paths that carry frames. */
function framePaths(protocol: ProtocolText): JsonObject {
  const tags = ["frames"];
  const security: Json = [{}, { token: [] }];
  return {
    "/ws": {
      get: {
        operationId: "openWebSocket",
        summary: "Opens a WebSocket.",
        description: withoutLinks(protocol.section("Handshake")),
        tags,
        security,
        responses: {
          101: { description: "The WebSocket is open." },
          429: { description: "The client's address has too many connections." },
          503: { description: "The gateway has too many connections." },
        },
      },
    },
    "/sse": {
      get: {
        operationId: "openStream",
        summary: "Opens a stream of frames from server to client.",
        description:
          "The first event is `open` and carries the session key (`StreamOpened`). Each " +
          "following frame (`ServerFrame`) is one unnamed event. The last event is `close` " +
          "(`SessionClosed`). The client sends its frames by `POST /send`.",
        tags,
        security,
        responses: {
          200: {
            description: "The stream.",
            content: events(
              `event: open\ndata: {"session":"${SESSION}"}\n\ndata: {"type":"pong"}\n\n` +
                'event: close\ndata: {"code":4100,"reason":"Draining"}\n\n',
            ),
          },
          ...refusals(403, 405, 429, 503),
        },
      },
    },
    "/poll": {
      post: {
        operationId: "poll",
        summary: "Fetches frames from server to client.",
        description:
          "The body `{}` opens a session. Each later poll acknowledges the last answer " +
          "it received, in `after`. The gateway answers as soon as it has frames, or with none " +
          "after 25 s, and repeats an answer that was not acknowledged.",
        tags,
        security,
        requestBody: {
          required: true,
          content: {
            "application/json": {
              schema: ref("PollHead"),
              examples: {
                open: { value: {} },
                next: { value: { session: SESSION, after: 1 } },
              },
            },
          },
        },
        responses: {
          200: answer("Frames.", "PollAnswer", {
            session: SESSION,
            n: 2,
            frames: [{ type: "pong" }],
          }),
          ...refusals(400, 403, 404, 405, 413, 429, 503),
        },
      },
    },
    "/send": {
      post: {
        operationId: "send",
        summary: "Sends frames from client to server.",
        description: "The first line of the body names the session and numbers the post " +
          "(`SendHead`); each following line is one frame (`ClientFrame`). A client must wait for " +
          "the answer before it sends the next post, and repeat the post with the same number if " +
          "the answer is lost.",
        tags,
        requestBody: {
          required: true,
          description: "The gateway does not look at the content type.",
          content: {
            "application/x-ndjson": {
              schema: { type: "string" },
              example: `{"session":"${SESSION}","n":1}\n` +
                '{"type":"subscribe","room":"lobby"}\n' +
                '{"type":"message","room":"lobby","content":"hello","id":"m-1"}',
            },
          },
        },
        responses: {
          204: { description: "The gateway has accepted the frames." },
          ...refusals(400, 403, 404, 405, 413, 503),
        },
      },
    },
  };
}

/** Health, and the documents. */
function otherPaths(): JsonObject {
  const get = (operationId: string, tag: string, summary: string, responses: JsonObject) => ({
    get: { operationId, summary, tags: [tag], responses },
  });
  const document = (operationId: string, summary: string) =>
    get(operationId, "documents", summary, {
      200: {
        description: "The document.",
        content: { "application/json": { schema: { type: "object" } } },
      },
    });
  return {
    "/healthz": get("isAlive", "health", "Tells that the process runs.", {
      200: answer("It runs.", "Healthy"),
    }),
    "/readyz": get("isReady", "health", "Tells whether the service can do its work.", {
      200: answer("It is ready.", "Healthy"),
      503: answer("It is not ready.", "NotReady", { status: "not ready", missing: ["nats"] }),
    }),
    "/docs": get("readDocs", "documents", "The protocol and its reference, for people.", {
      200: { description: "The page.", content: { "text/html": { schema: { type: "string" } } } },
    }),
    "/asyncapi.json": document("readAsyncApi", "The AsyncAPI document."),
    "/openapi.json": document("readOpenApi", "This document."),
    "/monitor-openapi.json": document("readOpenApiOfMonitor", "The OpenAPI document of monitor."),
    "/schemas.json": document("readSchemas", "All JSON Schemas, in one document."),
  };
}

/** Development tokens. */
function tokenPath(): JsonObject {
  return {
    servers: [{ url: "http://127.0.0.1:8081", description: "auth" }],
    post: {
      operationId: "issueDevToken",
      summary: "Signs a token for any caller on this machine; for development.",
      tags: ["development"],
      requestBody: {
        required: true,
        description: "The content type does not matter.",
        content: {
          "application/json": {
            schema: ref("DevTokenRequest"),
            example: { userId: "ada", username: "Ada" },
          },
        },
      },
      responses: {
        200: answer("The token.", "DevToken", {
          token: "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
          userId: "ada",
          username: "Ada",
          expiresAt: 1795521600000,
        }),
        400: answer("The body is not as expected.", "DevTokenRefused"),
        403: answer("The caller is on another machine.", "DevTokenRefused"),
        413: answer("The body is too large.", "DevTokenRefused"),
      },
    },
  };
}
