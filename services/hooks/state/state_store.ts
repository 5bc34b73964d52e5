/**
 * What hooks remembers, in the stream HOOKS_STATE: one JSON value for each key.
 *
 * @module
 */
import { jetstream } from "@nats-io/jetstream";
import type * as z from "zod";
import { HOOKS_STATE_STREAM } from "../../contract/mod.ts";
import type { Bus } from "../../kit/mod.ts";
import { hasCode, isOwn, managerOf } from "./streams.ts";

/** JetStream's code: there is no such message. */
const NO_MESSAGE = 10037;
/** JetStream's code: somebody else has written meanwhile. */
const WRONG_LAST_SEQUENCE = 10071;

const TIMEOUT_MS = 3_000;

/** A value, and the seq with which it was written. */
export interface Kept<T> {
  value: T;
  seq: number;
}

/** Reads and writes values. */
export interface StateStore {
  /** Reads a value; undefined if there is none, or it does not match the schema. */
  read<T>(key: string, schema: z.ZodType<T>): Promise<Kept<T> | undefined>;
  /**
   * Writes a value. With `expected`, only if the last write had this seq (0: there was none); returns
   * undefined otherwise, and the new seq if it was written. Rejects if it may not have been stored.
   */
  write(key: string, value: unknown, expected?: number): Promise<number | undefined>;
}

/** The subject of a key. */
const subjectOf = (key: string) => `hook.state.${key}`;

/** Makes the store. */
export function createStateStore(bus: Bus): StateStore {
  return {
    async read(key, schema) {
      try {
        const manager = await managerOf(bus);
        const message = await manager.streams.getMessage(HOOKS_STATE_STREAM, {
          last_by_subj: subjectOf(key),
        });
        if (message === null || !isOwn(message.header, HOOKS_STATE_STREAM)) return undefined;
        const parsed = schema.safeParse(message.json());
        if (parsed.success) return { value: parsed.data, seq: message.seq };
        bus.log.error("ignored a state that cannot be read", { key });
        return undefined;
      } catch (error) {
        if (hasCode(error, NO_MESSAGE)) return undefined;
        throw error;
      }
    },
    async write(key, value, expected) {
      try {
        const { seq } = await jetstream(bus.nats).publish(subjectOf(key), JSON.stringify(value), {
          expect: {
            streamName: HOOKS_STATE_STREAM,
            ...expected === undefined ? {} : { lastSubjectSequence: expected },
          },
          timeout: TIMEOUT_MS,
        });
        return seq;
      } catch (error) {
        if (hasCode(error, WRONG_LAST_SEQUENCE)) return undefined;
        throw error;
      }
    },
  };
}
