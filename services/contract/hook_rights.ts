/**
 * What the service of webhooks may do on the bus. No I/O.
 *
 * @module
 */
import {
  HOOK_DEAD_SUBJECTS,
  HOOK_STATE_SUBJECTS,
  HOOK_SUBJECTS,
  HOOKS_DEAD_STREAM,
  HOOKS_STATE_STREAM,
  HOOKS_STREAM,
  HooksDead,
  HooksEnable,
  HooksList,
  HooksReplay,
  HooksTest,
} from "./bus_hooks.ts";
import { inboxes } from "./inboxes.ts";
import { microSubjects } from "./micro.ts";
import { GATEWAY_ALIVE, GATEWAY_PING, PRESENCE_CHANGES, presenceStateSubject } from "./presence.ts";
import { type BusRights, CONSUMER_API, STREAM_API } from "./rights.ts";
import { ROOMS_STREAMS } from "./streams.ts";
import { NATS_TRACES } from "./subjects.ts";

/** The endpoints of webhooks. */
export const HOOKS_ENDPOINTS = [HooksList, HooksDead, HooksReplay, HooksTest, HooksEnable]
  .map(({ subject }) => subject);

/** What reading a stream with a consumer for each endpoint takes. */
const readWithConsumers = (stream: string) => [
  `${STREAM_API}.INFO.${stream}`,
  ...["INFO", "DELETE", "MSG.NEXT", "DURABLE.CREATE"]
    .map((call) => `${CONSUMER_API}.${call}.${stream}.*`),
  `${CONSUMER_API}.CREATE.${stream}.>`,
  // It says that it is still at work, and then acknowledges: more than one answer.
  `$JS.ACK.${stream}.>`,
];

/** The rights of hooks. */
export const HOOK_RIGHTS: BusRights = {
  publish: [
    NATS_TRACES,
    ...HOOK_SUBJECTS,
    HOOK_DEAD_SUBJECTS,
    HOOK_STATE_SUBJECTS,
    ...[HOOKS_STREAM, HOOKS_DEAD_STREAM, HOOKS_STATE_STREAM].flatMap((stream) =>
      ["CREATE", "UPDATE", "MSG.GET"].map((call) => `${STREAM_API}.${call}.${stream}`)
    ),
    ...[HOOKS_DEAD_STREAM, HOOKS_STATE_STREAM].map((stream) => `${STREAM_API}.INFO.${stream}`),
    `${STREAM_API}.MSG.DELETE.${HOOKS_DEAD_STREAM}`,
    ...ROOMS_STREAMS.flatMap(readWithConsumers),
    ...readWithConsumers(HOOKS_STREAM),
    GATEWAY_PING,
    presenceStateSubject("*"),
    // It reads streams, so it cannot have `answersWithin`.
    inboxes("operator"),
    inboxes("observer"),
  ],
  subscribe: [
    ...HOOKS_ENDPOINTS,
    PRESENCE_CHANGES,
    GATEWAY_ALIVE,
    ...microSubjects("hooks"),
    inboxes("hooks"),
  ],
};
