/**
 * Denials as messages of their stream.
 *
 * @module
 */
import { JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import {
  Denial,
  DENIALS_STREAM,
  DENIALS_STREAM_SUBJECT,
  denialSubject,
} from "../../contract/mod.ts";

/** Messages that are read at a time. */
const CONCURRENT_READS = 16;

/** JetStream's code for "no message found". */
const NO_MESSAGE_FOUND = 10037;

/** Which message to read: the first one from a seq on, or the last one on a subject. */
type Query = { seq: number; next_by_subj: string } | { last_by_subj: string };

/** A message of the stream. */
export interface DenialMessage {
  /** Its seq in the stream. */
  seq: number;
  /** Its subject. */
  subject: string;
  /** Null if the message is none: somebody made a consumer of another stream deliver it. */
  denial: Denial | null;
}

/** Reads one message, from the leader; null if there is none. */
export async function readDenial(
  manager: JetStreamManager,
  query: Query,
): Promise<DenialMessage | null> {
  let message;
  try {
    message = await manager.streams.getMessage(DENIALS_STREAM, query);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === NO_MESSAGE_FOUND) return null;
    throw error;
  }
  if (message === null) return null;
  const { seq, subject, header, data } = message;
  // JetStream refuses a message with this header in any other stream. So what a consumer of another
  // stream delivers here, to have it stored, never has it.
  const written = header?.get("Nats-Expected-Stream") === DENIALS_STREAM;
  const denial = written ? parse(data) : null;
  const valid = denial !== null && denialSubject(denial) === subject;
  return { seq, subject, denial: valid ? denial : null };
}

/** Reads the messages with seqs from `from` to `to`, in order. */
export async function readDenials(
  manager: JetStreamManager,
  from: number,
  to: number,
): Promise<DenialMessage[]> {
  if (from > to) return [];
  const size = Math.ceil((to - from + 1) / Math.min(CONCURRENT_READS, to - from + 1));
  const parts: Promise<DenialMessage[]>[] = [];
  for (let first = from; first <= to; first += size) {
    parts.push(readPart(manager, first, Math.min(first + size - 1, to)));
  }
  return (await Promise.all(parts)).flat();
}

async function readPart(
  manager: JetStreamManager,
  from: number,
  to: number,
): Promise<DenialMessage[]> {
  const found: DenialMessage[] = [];
  for (let seq = from; seq <= to;) {
    const message = await readDenial(manager, { seq, next_by_subj: DENIALS_STREAM_SUBJECT });
    if (message === null || message.seq > to) break;
    seq = message.seq + 1;
    found.push(message);
  }
  return found;
}

function parse(data: Uint8Array): Denial | null {
  try {
    return Denial.parse(JSON.parse(new TextDecoder().decode(data)));
  } catch {
    return null;
  }
}
