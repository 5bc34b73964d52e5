/**
 * Webhooks on the bus: the streams from which they are delivered, and what an operator may ask of the service.
 * No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";
import { endpoint } from "./bus.ts";
import { MAX_DEAD_LETTERS_PAGE, MAX_REPLAYED } from "./limits.ts";
import { WebhookEndpointId, WebhookEvent, WebhookEventId } from "./webhooks.ts";

/** The stream of events that hooks itself derives, and of dead letters that are sent again. */
export const HOOKS_STREAM = "HOOKS";
/** The stream of events that were given up. */
export const HOOKS_DEAD_STREAM = "HOOKS_DEAD";
/** The stream with what hooks remembers: its lease, what it has told, and who is disabled. */
export const HOOKS_STATE_STREAM = "HOOKS_STATE";

/** The subjects of {@link HOOKS_STREAM}. */
export const HOOK_SUBJECTS = ["hook.event.>", "hook.replay.*"] as const;
/** The subjects of {@link HOOKS_DEAD_STREAM}. */
export const HOOK_DEAD_SUBJECTS = "hook.dead.*";
/** The subjects of {@link HOOKS_STATE_STREAM}. */
export const HOOK_STATE_SUBJECTS = "hook.state.>";

/** The subject of derived events of a type, such as `room.joined`. */
export function hookEventSubject(type: string): string {
  return `hook.event.${type}`;
}

/** The subject of events that are sent to one endpoint again. */
export function hookReplaySubject(endpointId: string): string {
  return `hook.replay.${endpointId}`;
}

/** The subject of an endpoint's dead letters. */
export function hookDeadSubject(endpointId: string): string {
  return `hook.dead.${endpointId}`;
}

/** An event that was given up. */
export const DeadLetter = z.object({
  endpoint: WebhookEndpointId,
  event: WebhookEvent,
  attempts: z.number().int().min(0),
  /** What went wrong last. */
  reason: z.string().max(1_000),
  /** When it was given up, milliseconds since 1970. */
  at: z.number().int().min(0),
});
/** The parsed form of {@link DeadLetter}. */
export type DeadLetter = z.infer<typeof DeadLetter>;

/** What an endpoint does now. */
export const HookState = z.object({
  id: WebhookEndpointId,
  url: z.string(),
  events: z.array(z.string()),
  /** `failing`: it has failed five times in a row, and is tried at longer intervals. */
  state: z.enum(["ok", "failing", "disabled"]),
  /** Why it is failing or disabled. */
  reason: z.string().optional(),
  /** Events that wait, or were sent and not acknowledged yet. */
  waiting: z.number().int().min(0),
  delivered: z.number().int().min(0),
  failed: z.number().int().min(0),
  dead: z.number().int().min(0),
});
/** The parsed form of {@link HookState}. */
export type HookState = z.infer<typeof HookState>;

/** Lists the endpoints. Counts are those since the process started. Served by hooks. */
export const HooksList = endpoint(
  "hooks.list",
  z.object({}),
  z.object({ endpoints: z.array(HookState) }),
);

/** Which dead letters: all of them, or those that match. */
const Which = z.object({
  endpoint: WebhookEndpointId.optional(),
  id: WebhookEventId.optional(),
  /** Given up at this time or later, milliseconds since 1970. */
  since: z.number().int().min(0).optional(),
});

/** Lists dead letters, oldest first. Served by hooks. */
export const HooksDead = endpoint(
  "hooks.dead",
  Which.extend({ after: z.number().int().min(0).optional() }),
  z.object({
    letters: z.array(z.object({
      seq: z.number().int().min(1),
      endpoint: WebhookEndpointId,
      id: WebhookEventId,
      type: z.string(),
      attempts: z.number().int().min(0),
      reason: z.string(),
      at: z.number().int().min(0),
    })).max(MAX_DEAD_LETTERS_PAGE),
    /** Where the next page begins; absent on the last one. */
    next: z.number().int().min(0).optional(),
  }),
);

/** Sends dead letters to their endpoints again, a part of them at a time. Served by hooks. */
export const HooksReplay = endpoint(
  "hooks.replay",
  Which.extend({ after: z.number().int().min(0).optional() }),
  z.object({
    replayed: z.number().int().min(0).max(MAX_REPLAYED),
    /** Where the next part begins; absent after the last one. */
    next: z.number().int().min(0).optional(),
  }),
);

/** Sends a test event to an endpoint, once, and returns what it answered. Served by hooks. */
export const HooksTest = endpoint(
  "hooks.test",
  z.object({ endpoint: WebhookEndpointId }),
  z.object({
    ok: z.boolean(),
    /** The HTTP status, or what went wrong. */
    outcome: z.string(),
    milliseconds: z.number().int().min(0),
  }),
);

/** Enables an endpoint again that answered 410. Served by hooks. */
export const HooksEnable = endpoint(
  "hooks.enable",
  z.object({ endpoint: WebhookEndpointId }),
  z.object({ enabled: z.literal(true) }),
);
