/**
 * Events that were given up: keeps them in the stream HOOKS_DEAD, lists them, and sends them again.
 *
 * @module
 */
import { jetstream } from "@nats-io/jetstream";
import {
  DeadLetter,
  HOOK_DEAD_SUBJECTS,
  hookDeadSubject,
  hookReplaySubject,
  HOOKS_DEAD_STREAM,
  HOOKS_STREAM,
} from "../../contract/mod.ts";
import type { Bus } from "../../kit/mod.ts";
import { hasCode, isOwn, managerOf } from "../state/streams.ts";
import type { Delivery } from "./pull_reader.ts";

/** JetStream's code: there is no such message. */
const NO_MESSAGE = 10037;

const TIMEOUT_MS = 3_000;

/** Letters that one request looks at: each is a request to JetStream. */
const MAX_LOOKED_AT = 2_000;

/** Which letters are meant. */
export interface Which {
  endpoint?: string | undefined;
  id?: string | undefined;
  since?: number | undefined;
}

/** A letter in the stream. */
export interface KeptLetter {
  seq: number;
  letter: DeadLetter;
}

/** Keeps the letter of a delivery. Rejects if it may not have been stored. */
export async function keepLetter(
  bus: Bus,
  letter: DeadLetter,
  { seq, nanoseconds }: Pick<Delivery, "seq" | "nanoseconds">,
): Promise<void> {
  const { endpoint, event } = letter;
  await jetstream(bus.nats).publish(hookDeadSubject(endpoint), JSON.stringify(letter), {
    // After a replay, which stores the event again, it may be given up again.
    msgID: `${endpoint} ${event.id} ${seq} ${nanoseconds}`,
    expect: { streamName: HOOKS_DEAD_STREAM },
    timeout: TIMEOUT_MS,
  });
}

/** Reads letters after a seq, oldest first, until `max` are found. `next` is where to go on; absent at the end. */
export async function readLetters(
  bus: Bus,
  { endpoint, id, since = 0 }: Which,
  after: number,
  max: number,
): Promise<{ letters: KeptLetter[]; next?: number }> {
  const manager = await managerOf(bus);
  const subject = endpoint === undefined ? HOOK_DEAD_SUBJECTS : hookDeadSubject(endpoint);
  const letters: KeptLetter[] = [];
  let seq = after + 1;
  for (let looked = 0; looked < MAX_LOOKED_AT && letters.length < max; looked++) {
    // The library does not know the second field; servers do since 2.9.
    const query = { seq, next_by_subj: subject };
    const message = await manager.streams.getMessage(HOOKS_DEAD_STREAM, query).catch((error) => {
      if (hasCode(error, NO_MESSAGE)) return null;
      throw error;
    });
    if (message === null) return { letters };
    seq = message.seq + 1;
    const parsed = DeadLetter.safeParse(message.json());
    if (!parsed.success || !isOwn(message.header, HOOKS_DEAD_STREAM)) continue;
    const letter = parsed.data;
    if (letter.at < since || (id !== undefined && letter.event.id !== id)) continue;
    letters.push({ seq: message.seq, letter });
  }
  return { letters, next: seq - 1 };
}

/** Sends a letter to its endpoint again: puts its event into the stream HOOKS, and removes the letter. */
export async function replayLetter(bus: Bus, { seq, letter }: KeptLetter): Promise<void> {
  const { endpoint, event } = letter;
  await jetstream(bus.nats).publish(hookReplaySubject(endpoint), JSON.stringify(event), {
    // A request that is repeated replays nothing twice.
    msgID: `replay ${seq} ${letter.at}`,
    expect: { streamName: HOOKS_STREAM },
    timeout: TIMEOUT_MS,
  });
  const manager = await managerOf(bus);
  await manager.streams.deleteMessage(HOOKS_DEAD_STREAM, seq).catch((error) => {
    if (!hasCode(error, NO_MESSAGE)) throw error;
  });
}
