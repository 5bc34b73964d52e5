/**
 * Reads where a room's log ends.
 *
 * @module
 */
import { HEADERS, messageSubject, ROOMS_STREAM } from "../../contract/mod.ts";
import { type Bus, FaultError } from "../../kit/mod.ts";
import type { Lookups } from "./lookups.ts";

/** How long the stream may take to answer with a room's last message, milliseconds. */
const READ_HEAD_TIMEOUT_MS = 2_000;

/** The end of a room's log. */
export interface LogHead {
  /** The seq of the room's last stored message; 0 if there is none. */
  seq: number;
  /** False if only the archive could tell and the archive is unreachable. Then `seq` is 0. */
  known: boolean;
}

/**
 * Reads the seq of a room's last stored message from the stream. If the stream has none (any more),
 * the archive tells; `epoch` is the log that the gateway follows.
 *
 * @throws {FaultError} `unavailable` if the stream does not answer
 */
export async function readLogHead(
  { bus, lookups }: { bus: Bus; lookups: Lookups },
  room: string,
  epoch: string | null,
): Promise<LogHead> {
  if (!bus.connected) throw new FaultError("unavailable", undefined, 1_000);
  const message = await bus.nats.request(
    `$JS.API.DIRECT.GET.${ROOMS_STREAM}.${messageSubject(room)}`,
    "",
    { timeout: READ_HEAD_TIMEOUT_MS },
  );
  // The last one: NATS adds its own after what the publisher set.
  const sequence = message.headers?.last(HEADERS.sequence);
  if (sequence) return { seq: Number(sequence), known: true };
  if (message.headers?.code !== 404) {
    throw new FaultError("unavailable", "the room's log cannot be reached", 1_000);
  }
  try {
    const head = await lookups.archiveHead(room);
    return head.epoch === epoch ? { seq: head.seq, known: true } : { seq: 0, known: false };
  } catch {
    // The archive is unreachable. Live delivery works without it; only recovery does not.
    return { seq: 0, known: false };
  }
}
