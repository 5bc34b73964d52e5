/**
 * What is archived of a message of the log.
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
} from "../contract/mod.ts";
import type { ArchiveRow } from "./archive.ts";

/** Characters of a subject that are kept where it is no room's. */
const MAX_STRAY_LENGTH = 200;

/** A message as the log gives it. */
export interface StoredMessage {
  subject: string;
  seq: number;
  /** Milliseconds since 1970. */
  storedAt: number;
  data: Uint8Array;
}

/**
 * The row of a message. Every message has one, so that none is missing in the order: an event that is
 * not valid is archived as a placeholder, as members saw it live, and `invalid` says why.
 *
 * The event is written down as JSON writes what was parsed, which of a gateway's is the same text. So
 * a page is never longer than its rows, whatever a publisher's way of writing numbers.
 */
export function rowOf(message: StoredMessage): { row: ArchiveRow; invalid?: string } {
  const { subject, seq, storedAt, data } = message;
  const room = roomOfSubject(subject);
  if (!RoomName.safeParse(room).success || messageSubject(room) !== subject) {
    // Nobody subscribes to it and nobody can ask for it: it only keeps its place.
    const stray = "!" + subject.slice(0, MAX_STRAY_LENGTH).replace(/[^\x21-\x7e]/g, "?");
    return { row: placeholder(stray, seq, storedAt), invalid: "the subject is no room's" };
  }
  try {
    const parsed = RoomEvent.safeParse(JSON.parse(new TextDecoder().decode(data)));
    if (!parsed.success) throw new Error(describeIssue(parsed.error));
    if (parsed.data.room !== room) throw new Error("room: not the subject's");
    const event = JSON.stringify(parsed.data);
    if (Buffer.byteLength(event) > MAX_PAGE_BYTES) throw new Error("too large");
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
