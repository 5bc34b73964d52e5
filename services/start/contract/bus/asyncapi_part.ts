/**
 * The bus in the AsyncAPI document: a channel for each subject, an operation for each direction, and
 * for requests the reply and the refusal.
 *
 * @module
 */
import type { BusChannel } from "./channels.ts";
import { matchesSubject, ownRights, usersOf } from "./users.ts";
import type { Json, JsonObject } from "../json_schemas.ts";

const PREFIX = "#/components/schemas/";
const TAGS = [{ name: "bus" }];

/** A part of the document: what it adds to each of its maps. */
export interface AsyncApiPart {
  channels: JsonObject;
  operations: JsonObject;
  messages: JsonObject;
}

/** What the names in an address stand for. */
const PARAMETERS: Readonly<Record<string, string>> = {
  bucket: "The FNV-1a hash (32 bit) of the room's name, modulo 64.",
  room: "The room's name: one to four tokens, joined by dots.",
  user:
    "The user id if it consists of `A-Z a-z 0-9 _ -` only; otherwise `=` and the base64url of " +
    "its UTF-8 bytes.",
  service: "The service's name.",
  method: "The method's name.",
};

/** Describes the channels. */
export function busPart(described: readonly BusChannel[]): AsyncApiPart {
  const part: AsyncApiPart = { channels: {}, operations: {}, messages: { Refusal: REFUSAL } };
  for (const channel of described) {
    const { name, address, subject, message, reply } = channel;
    const { publishers, subscribers } = usersOf(subject);
    part.channels[name] = {
      address,
      title: address,
      description: `${channel.description}\n\nPublished by: ${publishers.join(", ")}. ` +
        `Received by: ${subscribers.join(", ")}.`,
      servers: [{ $ref: "#/servers/nats" }],
      ...parametersOf(address),
      messages: { [message.name]: { $ref: `#/components/messages/${message.name}` } },
      "x-publishers": publishers,
      "x-subscribers": subscribers,
    };
    part.messages[message.name] = messageOf(message, "What travels", address);
    if (reply !== undefined) {
      part.channels[`${name}Reply`] = {
        address: null,
        title: `The reply to ${address}`,
        description: "The inbox that the request names as its reply subject.",
        servers: [{ $ref: "#/servers/nats" }],
        messages: {
          [reply.name]: { $ref: `#/components/messages/${reply.name}` },
          Refusal: { $ref: "#/components/messages/Refusal" },
        },
      };
      part.messages[reply.name] = messageOf(
        { ...reply, headers: "TraceHeaders" },
        "The reply to a request",
        address,
      );
    }
    for (const [action, verb] of actionsOf(subject)) {
      part.operations[`${action}${message.name}`] = {
        action,
        channel: { $ref: `#/channels/${name}` },
        title: `A service ${verb} ${address}`,
        messages: [{ $ref: `#/channels/${name}/messages/${message.name}` }],
        tags: TAGS,
        ...(reply === undefined ? {} : { reply: replyTo(name, reply.name) }),
      };
    }
  }
  return part;
}

/** What Hopwire does with a subject: the opposite of what a service of one's own may do. */
function actionsOf(subject: string): [action: "send" | "receive", verb: string][] {
  const may = (side: "publish" | "subscribe") =>
    ownRights().some(({ rights }) => rights[side].some((one) => matchesSubject(one, subject)));
  return [
    ...may("publish") ? [["receive", "publishes"] as ["receive", string]] : [],
    ...may("subscribe") ? [["send", "subscribes to"] as ["send", string]] : [],
  ];
}

/** A refusal, whatever was requested. */
const REFUSAL: JsonObject = {
  name: "Refusal",
  title: "Refusal",
  summary: "Refuses a request, in headers alone.",
  headers: { $ref: `${PREFIX}RefusalHeaders` },
  payload: {},
  examples: [{
    headers: {
      "Nats-Service-Error": "Not allowed: publish",
      "Nats-Service-Error-Code": "403",
      "Hopwire-Error-Code": "forbidden",
    },
  }],
  tags: TAGS,
};

function replyTo(channel: string, message: string): JsonObject {
  const messages = [message, "Refusal"].map((name): Json => ({
    $ref: `#/channels/${channel}Reply/messages/${name}`,
  }));
  return { channel: { $ref: `#/channels/${channel}Reply` }, messages };
}

function messageOf(
  { name, payload, headers, examples }: BusChannel["message"],
  what: string,
  address: string,
): JsonObject {
  return {
    name,
    title: name,
    summary: `${what} on \`${address}\`${
      payload === undefined && examples.length === 0 ? ": no payload" : ""
    }.`,
    contentType: "application/json",
    headers: { $ref: PREFIX + headers },
    payload: payload === undefined ? {} : { $ref: PREFIX + payload },
    ...(examples.length === 0 ? {} : {
      examples: examples.map((one) => ({ payload: one as Json })),
    }),
    tags: TAGS,
  };
}

/** The names in an address, described. */
function parametersOf(address: string): JsonObject {
  const names = [...address.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
  if (names.length === 0) return {};
  return {
    parameters: Object.fromEntries(names.map((name) => [name, { description: PARAMETERS[name]! }])),
  };
}
