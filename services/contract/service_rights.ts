/**
 * What a service of one's own may do on the bus: it names what it needs, and its user of NATS may do that
 * and nothing else. No I/O.
 *
 * @module
 */
import { RoomsGrant, RoomsPresence } from "./bus.ts";
import { HistoryErase, HistoryRead } from "./bus_history.ts";
import { type BusRights, CONSUMER_API, MODERATION, REVOCATION, STREAM_API } from "./rights.ts";
import { inboxes } from "./inboxes.ts";
import { microSubjects } from "./micro.ts";
import { ROOMS_STREAMS } from "./streams.ts";
import {
  NATS_TRACES,
  REVOKED_EVENTS,
  ROOMS_STREAM_REPUBLISHED,
  ROOMS_STREAM_SUBJECT,
  scheduleSubject,
  screenSubject,
  SIGNALS,
  UNSTORED_MESSAGES,
} from "./subjects.ts";

/** How long a service may take to answer a call of a client, seconds; calls wait for 30 s at most. */
const ANSWER_CALL_S = 35;

/** Something that a service may need, and what it takes on the bus. */
interface NeedInfo {
  /** What the service can do with it. */
  about: string;
  publish?: (name: string) => readonly string[];
  subscribe?: (name: string) => readonly string[];
}

/** Something that a service may need. */
export type ServiceNeed =
  | "calls"
  | "listen"
  | "log"
  | "post"
  | "signal"
  | "events"
  | "history"
  | "presence"
  | "screen"
  | "screened"
  | "schedule"
  | "moderate"
  | "revoke"
  | "erase";

/** The rights that follow from each need of a service. */
const NEEDS: Readonly<Record<ServiceNeed, NeedInfo>> = {
  calls: {
    about: "answer calls of clients, and ask what the callers may do",
    publish: () => [RoomsGrant.subject],
    subscribe: (name) => [`call.${name}.*`],
  },
  listen: {
    about: "read live messages and signals of all rooms",
    // Not `room.message`: its messages ask for an ack, which only JetStream may give.
    subscribe: () => [ROOMS_STREAM_REPUBLISHED, UNSTORED_MESSAGES, SIGNALS],
  },
  log: {
    about: "read the stream of messages with a durable consumer, which has the service's name",
    publish: (name) =>
      ROOMS_STREAMS.flatMap((stream) => {
        const consumer = `${stream}.${name}`;
        return [
          `${STREAM_API}.INFO.${stream}`,
          `${CONSUMER_API}.CREATE.${consumer}`,
          `${CONSUMER_API}.CREATE.${consumer}.>`,
          `${CONSUMER_API}.DURABLE.CREATE.${consumer}`,
          `${CONSUMER_API}.INFO.${consumer}`,
          `${CONSUMER_API}.DELETE.${consumer}`,
          `${CONSUMER_API}.MSG.NEXT.${consumer}`,
          // No right to `$JS.ACK`: an ack is an answer, and NATS forgets an answered message.
        ];
      }),
  },
  post: {
    about: "publish messages to rooms",
    publish: () => [ROOMS_STREAM_SUBJECT, UNSTORED_MESSAGES],
  },
  signal: {
    about: "publish signals to rooms",
    publish: () => [SIGNALS],
  },
  events: {
    about: "send events to users",
    publish: () => ["user.event.*"],
  },
  history: {
    about: "read pages of history",
    publish: () => [HistoryRead.subject],
  },
  presence: {
    about: "read who is in a room",
    publish: () => [RoomsPresence.subject],
  },
  screen: {
    about: "screen messages before they are stored",
    subscribe: (name) => [screenSubject(name)],
  },
  screened: {
    about: "have messages screened before it posts them",
    publish: () => [RoomsGrant.subject, screenSubject("*")],
  },
  schedule: {
    about: "run something at intervals, in one instance each time",
    publish: (name) => [scheduleSubject(name, "*")],
  },
  moderate: {
    about: "take users out of rooms",
    publish: () => MODERATION,
  },
  revoke: {
    about: "revoke tokens",
    publish: () => [...REVOCATION, REVOKED_EVENTS],
  },
  erase: {
    about: "erase messages",
    publish: () => [HistoryErase.subject],
  },
};

/** All that a service may need, and what it can then do. */
export const SERVICE_NEEDS: Readonly<Record<ServiceNeed, string>> = Object.fromEntries(
  Object.entries(NEEDS).map(([need, { about }]) => [need, about]),
) as Record<ServiceNeed, string>;

/** Whether `text` is a {@link ServiceNeed}. */
export function isServiceNeed(text: string): text is ServiceNeed {
  return Object.hasOwn(NEEDS, text);
}

/** What a service may do that does not say what it needs. */
export const USUAL_NEEDS: readonly ServiceNeed[] = [
  "calls",
  "listen",
  "post",
  "signal",
  "events",
  "history",
  "presence",
];

/** What such a service may have beside that. */
export const SERVICE_EXTRAS = [
  "erase",
  "log",
  "moderate",
  "revoke",
  "schedule",
  "screen",
  "screened",
] as const;
/** One of {@link SERVICE_EXTRAS}. */
export type ServiceExtra = typeof SERVICE_EXTRAS[number];

/**
 * The rights of a service that needs this, and nothing else. Every service may say who it is.
 *
 * @example
 * ```ts
 * import { neededRights } from "./service_rights.ts";
 * import assert from "node:assert/strict";
 * const { publish, subscribe } = neededRights("dice", ["calls"]);
 * assert.ok(subscribe.includes("call.dice.*"));
 * assert.ok(!publish.includes("room.message.>"));
 * ```
 */
export function neededRights(name: string, needs: readonly ServiceNeed[]): BusRights {
  const infos = [...new Set(needs)].map((need) => NEEDS[need]);
  return {
    publish: [NATS_TRACES, ...infos.flatMap(({ publish }) => publish?.(name) ?? [])],
    subscribe: [
      ...infos.flatMap(({ subscribe }) => subscribe?.(name) ?? []),
      ...microSubjects(name),
      inboxes(name),
    ],
    answersWithin: ANSWER_CALL_S,
  };
}

/** The rights of a service that does not say what it needs: what PROTOCOL.md offers to any service. */
export function serviceRights(name: string, extras: readonly ServiceExtra[] = []): BusRights {
  return neededRights(name, [...USUAL_NEEDS, ...extras]);
}
