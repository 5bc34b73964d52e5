/**
 * What people may do on the bus who operate the system: with the operator's commands, and with the `nats`
 * CLI. No I/O.
 *
 * @module
 */
import { ArchiveAudit, HistoryErase } from "./bus_history.ts";
import { HOOKS_ENDPOINTS } from "./hook_rights.ts";
import { inboxes } from "./inboxes.ts";
import { MICRO_SUBJECTS } from "./micro.ts";
import { type BusRights, CONSUMER_API, MODERATION, REVOCATION, STREAM_API } from "./rights.ts";
import { COPY_LOG } from "./stream_rights.ts";
import { NATS_TRACES } from "./subjects.ts";

/** The rights of the operator's commands. */
export const OPERATOR_RIGHTS: BusRights = {
  publish: [
    NATS_TRACES,
    ArchiveAudit.subject,
    HistoryErase.subject,
    ...HOOKS_ENDPOINTS,
    ...REVOCATION,
    ...MODERATION,
    MICRO_SUBJECTS,
    ...COPY_LOG,
  ],
  subscribe: [inboxes("operator")],
};

/**
 * The rights of whoever looks at the bus: to see which services, streams and consumers there are and how
 * they fare. No message can be read, and nothing can be changed.
 */
export const OBSERVER_RIGHTS: BusRights = {
  publish: [
    MICRO_SUBJECTS,
    "$JS.API.INFO",
    ...["LIST", "NAMES", "INFO.*"].map((call) => `${STREAM_API}.${call}`),
    ...["LIST.*", "NAMES.*", "INFO.*.*"].map((call) => `${CONSUMER_API}.${call}`),
  ],
  subscribe: [inboxes("observer")],
};
