/**
 * The AsyncAPI document: the frames of the client protocol, and the subjects of the bus that a service of
 * one's own may use. It is written from Hopwire's side: what it receives, clients and services send.
 *
 * @module
 */
import { CLIENT_FRAMES, ServerFrame, VERSION } from "../../contract/mod.ts";
import { busChannels } from "./bus/channels.ts";
import { type AsyncApiPart, busPart } from "./bus/asyncapi_part.ts";
import { definitionsOf, type Json, type JsonObject, neededBy } from "./json_schemas.ts";
import { clientFrameName, SCHEMAS, serverFrameName } from "./named_schemas.ts";
import { type ProtocolText, withoutLinks } from "./protocol_text.ts";

const PREFIX = "#/components/schemas/";

/** The frames that answer a client's frame, besides `error`. */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  auth: ["authenticated"],
  subscribe: ["subscribed"],
  unsubscribe: ["unsubscribed"],
  message: ["ack"],
  history: ["history"],
  presence: ["presence"],
  call: ["result"],
  ping: ["pong"],
};

/** The frames that only answer one of the client's. */
const ONLY_ANSWERS = ["authenticated", "subscribed", "ack", "history", "result", "pong"];

/** Returns the document. `comments` are those of the contract, by name. */
export function asyncApi(
  protocol: ProtocolText,
  descriptions: Readonly<Record<string, string>>,
  comments: Readonly<Record<string, string>>,
): JsonObject {
  const client = clientPart(protocol);
  const bus = busPart(busChannels(comments));
  const messages = { ...client.messages, ...bus.messages };
  const definitions = definitionsOf(SCHEMAS, {
    dialect: "draft-07",
    prefix: PREFIX,
    // What a frame is for is said at its message.
    descriptions: Object.fromEntries(
      Object.entries(descriptions).filter(([name]) => !Object.hasOwn(client.messages, name)),
    ),
  });
  return {
    asyncapi: "3.0.0",
    id: "urn:hopwire:api",
    info: {
      title: "Hopwire",
      version: VERSION,
      description:
        "Realtime rooms over NATS: the frames that clients and gateway exchange, and the " +
        "subjects on which services of one's own take part.\n\nThe document takes Hopwire's " +
        "side. Clients and services send what it receives, and receive what it sends. " +
        "Unknown fields are ignored. PROTOCOL.md describes the guarantees, and frames over HTTP " +
        "are in the OpenAPI document.",
      license: { name: "MIT" },
      tags: [
        { name: "client", description: "The client protocol, by WebSocket." },
        { name: "bus", description: "The subjects of NATS for services." },
      ],
    },
    defaultContentType: "application/json",
    servers: {
      gateway: {
        host: "{address}",
        protocol: "ws",
        description: "Any gateway. With a certificate it speaks `wss`.",
        variables: { address: { default: "127.0.0.1:8080", description: "Its host and port." } },
        tags: [{ name: "client" }],
      },
      nats: {
        host: "{address}",
        protocol: "nats",
        description:
          "The NATS server. Each service is a user of its own, whose replies arrive on " +
          "`_INBOX.<name>.>` alone.",
        variables: { address: { default: "127.0.0.1:4222", description: "Its host and port." } },
        tags: [{ name: "bus" }],
      },
    },
    channels: { ...client.channels, ...bus.channels },
    operations: { ...client.operations, ...bus.operations },
    components: { messages, schemas: neededBy(messages, definitions, PREFIX) },
  };
}

/** The frames of the client protocol. */
function clientPart(protocol: ProtocolText): AsyncApiPart {
  const tags = [{ name: "client" }];
  const messages: JsonObject = {};
  const operations: JsonObject = {};
  const channel = { $ref: "#/channels/ws" };
  const inChannel = (name: string): Json => ({ $ref: `#/channels/ws/messages/${name}` });
  const serverTypes = ServerFrame.options.map((option) => option.shape.type.value);

  const describe = (from: "client" | "server", type: string, name: string) => {
    const description = protocol.frame(from, type);
    const examples = protocol.examples(from, type);
    messages[name] = {
      name: type,
      title: type,
      summary: firstSentence(description),
      description,
      contentType: "application/json",
      payload: { $ref: PREFIX + name },
      ...(examples.length > 0 ? { examples: examples.map((payload) => ({ payload })) } : {}),
      tags,
    } as JsonObject;
  };
  for (const type of Object.keys(CLIENT_FRAMES)) {
    const name = clientFrameName(type);
    describe("client", type, name);
    const answers = [...ANSWERS[type] ?? [], "error"].map(serverFrameName);
    operations[`receive${name}`] = {
      action: "receive",
      channel,
      title: `A client sends ${type}`,
      messages: [inChannel(name)],
      tags,
      reply: { channel, messages: answers.map(inChannel) },
    };
  }
  for (const type of serverTypes) {
    const name = serverFrameName(type);
    describe("server", type, name);
    if (ONLY_ANSWERS.includes(type)) continue;
    operations[`send${name}`] = {
      action: "send",
      channel,
      title: `The gateway sends ${type}`,
      messages: [inChannel(name)],
      tags,
    };
  }
  return {
    messages,
    operations,
    channels: {
      ws: {
        address: "/ws",
        title: "The WebSocket of a client",
        description: withoutLinks(protocol.section("Handshake")),
        servers: [{ $ref: "#/servers/gateway" }],
        messages: Object.fromEntries(
          Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
        bindings: {
          ws: {
            method: "GET",
            headers: {
              type: "object",
              properties: {
                Authorization: { type: "string", description: "`Bearer <jwt>`." },
                "Sec-WebSocket-Protocol": {
                  type: "string",
                  description: "`hopwire.v1, bearer.<jwt>`, for browsers.",
                },
              },
            },
            query: {
              type: "object",
              properties: {
                token: { type: "string", description: "The token, with `TOKEN_IN_QUERY`." },
              },
            },
            bindingVersion: "0.1.0",
          },
        },
        "x-error-codes": protocol.table("Error codes").map(([code, message, when]) => ({
          code: code!,
          message: message!,
          when: when!,
        })),
        "x-close-codes": protocol.table("Close codes").map(([code, name, reason, when]) => ({
          code: Number(code),
          name: name!,
          reason: reason!,
          reconnect: Number(code) >= 4100,
          when: when!,
        })),
      },
    },
  };
}

/** Returns the first sentence of a description. */
export function firstSentence(text: string): string {
  return (/^[\s\S]*?[.:](?=\s|$)/.exec(text.replace(/\s+/g, " "))?.[0] ?? text).replace(/:$/, ".");
}
