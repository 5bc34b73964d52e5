/**
 * Converts a message of the log to a row of the archive.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  describeIssue,
  MAX_PAGE_BYTES,
  messageSubject,
  RoomEvent,
  RoomName,
  roomOfSubject,
} from "../../contract/mod.ts";
import type { ArchiveRow } from "../archive/archive.ts";

const decoder = new TextDecoder();

/** How many characters of a subject are kept if it is not that of a room. */
const MAX_STRAY_LENGTH = 200;

/** A message as the log delivers it. */
export interface StoredMessage {
  subject: string;
  seq: number;
  /** When the log stored the message, milliseconds since 1970. */
  storedAt: number;
  data: Uint8Array;
}

/**
 * Returns the row of a message. Every message has one, so the order has no gaps. An invalid event
 * is archived as a placeholder, which is what members saw live; `invalid` then gives the reason.
 *
 * The event is serialised again after parsing. For a gateway's event this gives the same text. It
 * ensures that a page is never larger than its rows, however a publisher writes its numbers.
 */
export function toArchiveRow(message: StoredMessage): { row: ArchiveRow; invalid?: string } {
  const { subject, seq, storedAt, data } = message;
  const room = roomOfSubject(subject);
  if (!RoomName.safeParse(room).success || messageSubject(room) !== subject) {
    // No client can subscribe to this subject or request its history. The row only keeps its place.
    const stray = "!" + subject.slice(0, MAX_STRAY_LENGTH).replace(/[^\x21-\x7e]/g, "?");
    return { row: placeholder(stray, seq, storedAt), invalid: "not a room's subject" };
  }
  try {
    const parsed = RoomEvent.safeParse(JSON.parse(decoder.decode(data)));
    if (!parsed.success) throw new Error(describeIssue(parsed.error));
    if (parsed.data.room !== room) throw new Error("room: not the subject's");
    const event = JSON.stringify(parsed.data);
    // UTF-8 takes at most three bytes per UTF-16 unit, so most events need no exact count.
    if (event.length * 3 > MAX_PAGE_BYTES && Buffer.byteLength(event) > MAX_PAGE_BYTES) {
      throw new Error("too large");
    }
    return { row: { seq, room, storedAt, event } };
  } catch (error) {
    return { row: placeholder(room, seq, storedAt), invalid: (error as Error).message };
  }
}

function placeholder(room: string, seq: number, storedAt: number): ArchiveRow {
  const event: RoomEvent = {
    room,
    id: `invalid-${seq}`,
    userId: "unknown",
    username: "",
    content: null,
    timestamp: storedAt,
  };
  return { seq, room, storedAt, event: JSON.stringify(event) };
}
