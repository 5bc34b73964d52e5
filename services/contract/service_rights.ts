/**
 * What a service of one's own may do on the bus: what PROTOCOL.md offers to any service, and what it is
 * given beside that. No I/O.
 *
 * @module
 */
import { RoomsPresence } from "./bus.ts";
import { HistoryErase, HistoryRead } from "./bus_history.ts";
import {
  type BusRights,
  CONSUMER_API,
  inboxes,
  MODERATION,
  REVOCATION,
  STREAM_API,
} from "./bus_rights.ts";
import { microSubjects } from "./micro.ts";
import {
  NATS_TRACES,
  REVOKED_EVENTS,
  ROOMS_STREAM,
  ROOMS_STREAM_REPUBLISHED,
  ROOMS_STREAM_SUBJECT,
  SIGNALS,
  UNSTORED_MESSAGES,
} from "./subjects.ts";

/** What a service of one's own may do beside what every service may. */
export const SERVICE_EXTRAS = ["erase", "log", "moderate", "revoke"] as const;
/** One of {@link SERVICE_EXTRAS}. */
export type ServiceExtra = typeof SERVICE_EXTRAS[number];

/** How long a service may take to answer a call of a client, seconds; calls wait for 30 s at most. */
const ANSWER_CALL_S = 35;

/** The rights of a service of one's own: what PROTOCOL.md offers to any service. */
export function serviceRights(name: string, extras: readonly ServiceExtra[] = []): BusRights {
  const consumer = `${ROOMS_STREAM}.${name}`;
  const log = [
    `${STREAM_API}.INFO.${ROOMS_STREAM}`,
    `${CONSUMER_API}.CREATE.${consumer}`,
    `${CONSUMER_API}.CREATE.${consumer}.>`,
    `${CONSUMER_API}.DURABLE.CREATE.${consumer}`,
    `${CONSUMER_API}.INFO.${consumer}`,
    `${CONSUMER_API}.DELETE.${consumer}`,
    `${CONSUMER_API}.MSG.NEXT.${consumer}`,
    // No right to `$JS.ACK`: an ack is an answer, and NATS forgets an answered message.
  ];
  return {
    publish: [
      NATS_TRACES,
      ROOMS_STREAM_SUBJECT,
      UNSTORED_MESSAGES,
      SIGNALS,
      "user.event.*",
      RoomsPresence.subject,
      HistoryRead.subject,
      ...extras.includes("erase") ? [HistoryErase.subject] : [],
      ...extras.includes("revoke") ? [...REVOCATION, REVOKED_EVENTS] : [],
      ...extras.includes("moderate") ? MODERATION : [],
      ...extras.includes("log") ? log : [],
    ],
    subscribe: [
      `call.${name}.*`,
      // Not `room.message`: its messages ask for an ack, which only JetStream may give.
      ROOMS_STREAM_REPUBLISHED,
      UNSTORED_MESSAGES,
      SIGNALS,
      ...microSubjects(name),
      inboxes(name),
    ],
    answersWithin: ANSWER_CALL_S,
  };
}
