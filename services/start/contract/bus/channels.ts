/**
 * The subjects that a service of one's own may use, with what travels on them. A test compares them with
 * the rights of services: a subject that is allowed is described, and the other way round.
 *
 * @module
 */
import {
  bucketOf,
  callSubject,
  liveSubject,
  messageSubject,
  MICRO_VERBS,
  revokedSubject,
  screenSubject,
  signalSubject,
  unstoredSubject,
  userEventSubject,
} from "../../../contract/mod.ts";
import { EXAMPLES } from "./examples.ts";
import { SERVICE } from "./users.ts";
import { type EndpointName, ENDPOINTS } from "../named_schemas.ts";

/** A subject, or subjects of one form. */
export interface BusChannel {
  /** Its name in the document. */
  name: string;
  /** The subject, with `{bucket}`, `{room}`, `{user}`, `{service}` and `{method}`. */
  address: string;
  /** A subject without wildcards: who has rights to it has rights to all. */
  subject: string;
  description: string;
  /** The message: the names of its schemas, and examples. No payload: it is empty. */
  message: { name: string; payload?: string; headers: string; examples: readonly unknown[] };
  /** What a request is answered with. Any JSON if no schema is named. */
  reply?: { name: string; payload?: string; examples: readonly unknown[] };
}

const [ROOM, USER] = ["lobby", "u7"];

/** Replaces the names in a subject that was built from examples. */
function addressOf(subject: string): string {
  return subject
    .replace(`.${bucketOf(ROOM)}.${ROOM}`, ".{bucket}.{room}")
    .replace(new RegExp(`\\.${USER}$`), ".{user}")
    .replace(`${SERVICE}.roll`, "{service}.{method}")
    .replace(new RegExp(`\\.${SERVICE}$`), ".{service}");
}

function channel(
  name: string,
  subject: string,
  description: string,
  message: BusChannel["message"],
  reply?: BusChannel["reply"],
): BusChannel {
  return { name, address: addressOf(subject), subject, description, message, reply };
}

/** Events about rooms and users. */
const EVENTS: BusChannel[] = [
  channel(
    "roomMessage",
    messageSubject(ROOM),
    "Stores a message of a room and delivers it to the members. With a reply subject JetStream " +
      'acknowledges it with `{"stream":"ROOMS","seq":813}`. Rooms that store nothing use ' +
      "`room.unstored`. A service with `+log` reads the stream `ROOMS`, which has these messages, " +
      "with a durable consumer that is named after the service. Where the log has several streams, the " +
      "others are `ROOMS_1` and so on, and the ack names the room's. While a stream is divided, none stores " +
      "the messages of the rooms that move, for some tenths of a second: send them again.",
    {
      name: "RoomMessage",
      payload: "RoomEvent",
      headers: "StoreHeaders",
      examples: [EXAMPLES.RoomEvent],
    },
  ),
  channel(
    "roomLive",
    liveSubject(ROOM),
    "Each stored message of a room, once it is stored, in the order of the log. A plain " +
      "subscription misses messages while the service is down.",
    {
      name: "RoomMessageStored",
      payload: "RoomEvent",
      headers: "StoredHeaders",
      examples: [EXAMPLES.RoomEvent],
    },
  ),
  channel(
    "roomUnstored",
    unstoredSubject(ROOM),
    "A message of a room that stores nothing.",
    {
      name: "RoomMessageUnstored",
      payload: "RoomEvent",
      headers: "TraceHeaders",
      examples: [EXAMPLES.RoomEvent],
    },
  ),
  channel(
    "roomSignal",
    signalSubject(ROOM),
    "A signal: passed on to the members that are connected, neither stored nor acknowledged.",
    {
      name: "RoomSignal",
      payload: "SignalEvent",
      headers: "TraceHeaders",
      examples: [EXAMPLES.SignalEvent],
    },
  ),
  channel(
    "userEvent",
    userEventSubject(USER),
    "An event for one user. Each connection of the user gets it as an `event` frame.",
    {
      name: "UserEventPublished",
      payload: "UserEvent",
      headers: "TraceHeaders",
      examples: [EXAMPLES.UserEvent],
    },
  ),
  channel(
    "authRevoked",
    revokedSubject(USER),
    "Revokes all tokens of a user that were issued before now, without an answer. It is lost if " +
      "auth does not run; `auth.revoke` answers.",
    { name: "UserRevoked", headers: "TraceHeaders", examples: [] },
  ),
];

/** What clients call. */
const CALLS: BusChannel[] = [
  channel(
    "call",
    callSubject(SERVICE, "roll"),
    "A call of a client. A service answers the calls of its own name; its instances subscribe " +
      "with a queue group, so that one of them answers. The reply is any JSON, and reaches the " +
      "client as `result`; a refusal reaches it as `error`.",
    {
      name: "Call",
      payload: "CallRequest",
      headers: "TraceHeaders",
      examples: [EXAMPLES.CallRequest],
    },
    { name: "CallResult", examples: EXAMPLES.CallResult },
  ),
  channel(
    "screen",
    screenSubject(SERVICE),
    "A message of a client that is to be published in a namespace that names the service in `screen`. " +
      "Its instances subscribe with a queue group, so that one of them answers.",
    {
      name: "Screening",
      payload: "ScreenedMessage",
      headers: "TraceHeaders",
      examples: [EXAMPLES.ScreenedMessage],
    },
    { name: "ScreeningVerdict", payload: "Verdict", examples: EXAMPLES.Verdict },
  ),
];

/** What services request of Hopwire. Their descriptions are the endpoints' own comments. */
function requests(comments: Readonly<Record<string, string>>): BusChannel[] {
  return (Object.keys(ENDPOINTS) as EndpointName[]).map((name) => {
    const { subject } = ENDPOINTS[name];
    const { request, reply } = EXAMPLES[name];
    return channel(
      name.charAt(0).toLowerCase() + name.slice(1),
      subject,
      comments[name] ?? "",
      {
        name: `${name}Request`,
        payload: `${name}Request`,
        headers: "TraceHeaders",
        examples: request,
      },
      { name: `${name}Reply`, payload: `${name}Reply`, examples: reply },
    );
  });
}

/** What every service is asked about itself. */
const MICRO: BusChannel[] = MICRO_VERBS.map((verb) => {
  const name = `Micro${verb.charAt(0)}${verb.slice(1).toLowerCase()}`;
  return channel(
    name.charAt(0).toLowerCase() + name.slice(1),
    `$SRV.${verb}`,
    `The question ${verb} of ADR-32, which \`nats micro\` asks. Every instance answers. The same ` +
      `holds for \`$SRV.${verb}.{service}\` and \`$SRV.${verb}.{service}.{id}\`.`,
    { name: `${name}Request`, headers: "TraceHeaders", examples: [] },
    { name: `${name}Reply`, payload: name, examples: [EXAMPLES[name as "MicroPing"]] },
  );
});

/** Returns every channel. `comments` are those of the contract. */
export function busChannels(comments: Readonly<Record<string, string>>): BusChannel[] {
  return [...EVENTS, ...CALLS, ...requests(comments), ...MICRO];
}
