/**
 * Who may publish and subscribe to which subjects: one NATS user for each service, with what it needs
 * and nothing else. The configuration of nats-server and the table in PROTOCOL.md are made from this.
 * No I/O.
 *
 * Two things are nobody's right. `room.live` is published by the NATS server alone, whose copies are
 * not subject to permissions. And a reply goes to an inbox: see `isInbox`.
 *
 * A server that reports what it does with messages (`msg_trace`) refuses a message whose trace is recorded
 * from users who may not publish to NATS_TRACES themselves. So whoever sends such messages has that right.
 *
 * @module
 */
import {
  AuthVerify,
  ROOMS_RULES,
  RoomsGrant,
  RoomsJoin,
  RoomsPresence,
  RoomsRoster,
  RoomsVerify,
} from "./bus.ts";
import {
  AuthRevocations,
  AuthRevoke,
  AuthUnrevoke,
  DENIALS_STREAM,
  DENIALS_STREAM_SUBJECT,
  ROOM_KICKED,
} from "./bus_denials.ts";
import {
  ArchiveAudit,
  HistoryErase,
  HistoryHeads,
  HistoryRead,
  LOG_CHANGED,
  LOG_CONFIRM_OTHERS,
  LogConfirm,
  ROOM_ERASED,
} from "./bus_history.ts";
import { GatewayConnections, GatewayDisconnect, GatewayState } from "./bus_gateways.ts";
import { AuthIssue } from "./bus_tokens.ts";
import { GATEWAY_ALIVE, GATEWAY_PING, PRESENCE_CHANGES, presenceStateSubject } from "./presence.ts";
import { HOOK_RIGHTS } from "./hook_rights.ts";
import { inboxes } from "./inboxes.ts";
import { microSubjects } from "./micro.ts";
import { OBSERVER_RIGHTS, OPERATOR_RIGHTS } from "./people_rights.ts";
import { type BusRights, CONSUMER_API, MODERATION, REVOCATION, STREAM_API } from "./rights.ts";
import { GATEWAY_USAGE } from "./usage.ts";
import { ARCHIVE_LOG, FOLLOW_LOG } from "./stream_rights.ts";
import {
  ANSWERS_STREAM,
  ANSWERS_SUBJECT,
  gatewaySessionSubject,
  NATS_TRACES,
  REVOKED_EVENTS,
  ROOMS_STREAM,
  ROOMS_STREAM_REPUBLISHED,
  ROOMS_STREAM_SUBJECT,
  SCHEDULES_STREAM,
  screenSubject,
  SIGNALS,
  UNSTORED_MESSAGES,
} from "./subjects.ts";

/**
 * The users of Hopwire's own services, of the operator's commands (`deno task backup` ...), and of people
 * who look at the bus with the `nats` CLI.
 */
export const BUS_USERS = [
  "gateway",
  "auth",
  "rooms",
  "persistence",
  "monitor",
  "api",
  "hooks",
  "operator",
  "observer",
] as const;
/** The name of one of these users. */
export type BusUser = typeof BUS_USERS[number];

/** How long a service may take to answer another service, seconds; requests wait for 5 s at most. */
const ANSWER_S = 10;

/** What reading the denials takes. */
const READ_DENIALS = [
  `${STREAM_API}.INFO.${DENIALS_STREAM}`,
  `${STREAM_API}.MSG.GET.${DENIALS_STREAM}`,
];

/** The endpoints that every gateway serves. */
const OF_ALL_GATEWAYS = [
  GatewayConnections.subject,
  GatewayDisconnect.subject,
  GatewayState.subject,
];

/** The rights of {@link BUS_USERS}. */
export const BUS_RIGHTS: Readonly<Record<BusUser, BusRights>> = {
  gateway: {
    publish: [
      NATS_TRACES,
      ROOMS_STREAM_SUBJECT,
      UNSTORED_MESSAGES,
      SIGNALS,
      PRESENCE_CHANGES,
      presenceStateSubject("*"),
      GATEWAY_ALIVE,
      GATEWAY_USAGE,
      gatewaySessionSubject("*"),
      AuthVerify.subject,
      RoomsJoin.subject,
      RoomsRoster.subject,
      RoomsVerify.subject,
      HistoryRead.subject,
      HistoryHeads.subject,
      LogConfirm.subject,
      LOG_CONFIRM_OTHERS,
      "call.*.*",
      screenSubject("*"),
      ...FOLLOW_LOG,
      // Gateways of earlier releases read heads so, and run beside new ones during an upgrade.
      `$JS.API.DIRECT.GET.${ROOMS_STREAM}.${ROOMS_STREAM_SUBJECT}`,
      ...READ_DENIALS,
      // It answers other gateways and rooms. A poll may take an hour (PING_INTERVAL_MS).
      inboxes("gateway"),
      inboxes("rooms"),
      inboxes("api"),
      inboxes("hooks"),
      inboxes("operator"),
      inboxes("observer"),
    ],
    subscribe: [
      ROOMS_STREAM_REPUBLISHED,
      UNSTORED_MESSAGES,
      SIGNALS,
      PRESENCE_CHANGES,
      presenceStateSubject("*"),
      "user.event.*",
      DENIALS_STREAM_SUBJECT,
      ROOM_KICKED,
      GATEWAY_ALIVE,
      GATEWAY_USAGE,
      GATEWAY_PING,
      ...OF_ALL_GATEWAYS,
      gatewaySessionSubject("*"),
      ROOMS_RULES,
      LOG_CHANGED,
      ROOM_ERASED,
      ...microSubjects("gateway"),
      inboxes("gateway"),
    ],
  },
  auth: {
    publish: [
      NATS_TRACES,
      "denial.user.*",
      "denial.token.*",
      // It stores bans again after the stream was lost.
      "denial.ban.>",
      ...READ_DENIALS,
      ...["CREATE", "UPDATE", "MSG.DELETE"].map((call) =>
        `${STREAM_API}.${call}.${DENIALS_STREAM}`
      ),
    ],
    subscribe: [
      AuthVerify.subject,
      AuthRevoke.subject,
      AuthUnrevoke.subject,
      AuthRevocations.subject,
      AuthIssue.subject,
      REVOKED_EVENTS,
      DENIALS_STREAM_SUBJECT,
      ...microSubjects("auth"),
      inboxes("auth"),
    ],
    answersWithin: ANSWER_S,
  },
  rooms: {
    publish: [
      NATS_TRACES,
      ROOMS_RULES,
      GATEWAY_PING,
      ROOM_KICKED,
      presenceStateSubject("*"),
      "denial.ban.>",
      ...READ_DENIALS,
      // Presence of earlier releases, which it deletes.
      `${STREAM_API}.DELETE.KV_PRESENCE`,
    ],
    subscribe: [
      RoomsJoin.subject,
      RoomsGrant.subject,
      RoomsRoster.subject,
      RoomsVerify.subject,
      RoomsPresence.subject,
      ...MODERATION,
      DENIALS_STREAM_SUBJECT,
      PRESENCE_CHANGES,
      GATEWAY_ALIVE,
      ...microSubjects("rooms"),
      inboxes("rooms"),
    ],
    answersWithin: ANSWER_S,
  },
  persistence: {
    publish: [
      NATS_TRACES,
      LOG_CHANGED,
      ROOM_ERASED,
      ...ARCHIVE_LOG,
      ...[SCHEDULES_STREAM, ANSWERS_STREAM].flatMap((stream) =>
        ["CREATE", "INFO", "UPDATE"].map((call) => `${STREAM_API}.${call}.${stream}`)
      ),
      // The consumer of earlier releases, which it deletes.
      `${CONSUMER_API}.DELETE.${ROOMS_STREAM}.archive`,
      // It reads the stream, so it cannot have `answersWithin`.
      "_INBOX.*.>",
    ],
    subscribe: [
      HistoryRead.subject,
      HistoryHeads.subject,
      HistoryErase.subject,
      ArchiveAudit.subject,
      LogConfirm.subject,
      LOG_CONFIRM_OTHERS,
      ...microSubjects("persistence"),
      inboxes("persistence"),
    ],
  },
  monitor: {
    // The server's time. It also answers who asks which services there are.
    publish: [`${STREAM_API}.INFO.${ROOMS_STREAM}`],
    subscribe: [NATS_TRACES, ...microSubjects("monitor"), inboxes("monitor")],
    answersWithin: ANSWER_S,
  },
  api: {
    publish: [
      NATS_TRACES,
      ROOMS_STREAM_SUBJECT,
      UNSTORED_MESSAGES,
      SIGNALS,
      "user.event.*",
      screenSubject("*"),
      RoomsPresence.subject,
      HistoryRead.subject,
      HistoryErase.subject,
      AuthIssue.subject,
      ...REVOCATION,
      ...MODERATION,
      ...OF_ALL_GATEWAYS,
      GATEWAY_PING,
      ANSWERS_SUBJECT,
      `${STREAM_API}.MSG.GET.${ANSWERS_STREAM}`,
      `${STREAM_API}.INFO.${ANSWERS_STREAM}`,
      // With its answers it compares its clock.
      `${STREAM_API}.INFO.${ROOMS_STREAM}`,
    ],
    // Nothing that is said in rooms: it answers requests of back-ends, and follows nobody.
    subscribe: [GATEWAY_ALIVE, ...microSubjects("api"), inboxes("api")],
    answersWithin: ANSWER_S,
  },
  hooks: HOOK_RIGHTS,
  operator: OPERATOR_RIGHTS,
  observer: OBSERVER_RIGHTS,
};
