/**
 * Validates events that a service published: only a gateway's own events are known to be valid.
 *
 * @module
 */
import type * as z from "zod";
import type { RoomEvent } from "../../contract/mod.ts";
import type { Entry } from "./sequencer.ts";

/**
 * Validates an event that no gateway has checked. Returns its JSON, rewritten from the parsed value;
 * null if it is invalid or belongs to another room.
 */
export function validatedEvent<Event extends { room: string }>(
  data: Uint8Array,
  room: string,
  schema: z.ZodType<Event>,
): Uint8Array | null {
  try {
    const parsed = schema.safeParse(JSON.parse(new TextDecoder().decode(data)));
    if (!parsed.success || parsed.data.room !== room) return null;
    return new TextEncoder().encode(JSON.stringify(parsed.data));
  } catch {
    return null;
  }
}

/** The placeholder that members get in place of a stored but invalid event. */
export function invalidEntry(room: string, seq: number, timestamp: number): Omit<Entry, "prev"> {
  const id = `invalid-${seq}`;
  const event: RoomEvent = { room, id, userId: "unknown", username: "", content: null, timestamp };
  return { seq, event: new TextEncoder().encode(JSON.stringify(event)) };
}
