/**
 * Screening: a service looks at messages before they are stored. A namespace names it. No I/O; imports
 * only zod.
 *
 * @module
 */
import * as z from "zod";
import { type Endpoint, endpoint, RoomEvent } from "./bus.ts";
import * as limits from "./limits.ts";
import { screenSubject } from "./subjects.ts";

/** The message that a service is asked about. */
export const ScreenedMessage = RoomEvent.pick({
  room: true,
  userId: true,
  username: true,
  content: true,
});
/** The parsed form of {@link ScreenedMessage}. */
export type ScreenedMessage = z.infer<typeof ScreenedMessage>;

/**
 * What a service says about a message: it may be published as it is, or with another content, or not at
 * all, for a reason that its sender gets.
 */
export const Verdict = z.discriminatedUnion("verdict", [
  z.object({ verdict: z.literal("accept") }),
  z.object({ verdict: z.literal("replace"), content: z.unknown() }),
  z.object({
    verdict: z.literal("refuse"),
    reason: z.string().max(limits.MAX_REASON_LENGTH).optional(),
  }),
]);
/** The parsed form of {@link Verdict}. */
export type Verdict = z.infer<typeof Verdict>;

/** Asks a service about a message. Served by the service that a namespace names. */
export function screenEndpoint(service: string): Endpoint<ScreenedMessage, Verdict> {
  return endpoint(screenSubject(service), ScreenedMessage, Verdict);
}
