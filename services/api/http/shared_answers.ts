/**
 * What all instances of the API know about requests with an `Idempotency-Key`: who does one, and what was
 * answered. It is in the stream ANSWERS, which persistence creates: one message for each key, which JetStream
 * replaces only for whoever knows the one before. So one instance does a request, and the others wait for its
 * answer.
 *
 * Bounds: an answer is kept for two minutes. When the stream is nearly full, new requests are refused, so that
 * no answer has to make room before; see `answers_room.ts`. An instance that dies while it does a request keeps
 * others from it until {@link LEASE_MARGIN_MS} after its deadline; then a repetition is done again, because
 * nobody knows how far it came.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { jetstream, JetStreamApiError, jetstreamManager } from "@nats-io/jetstream";
import * as z from "zod";
import { ANSWERS_STREAM, answerSubject } from "../../contract/mod.ts";
import { type Bus, errorText, FaultError } from "../../kit/mod.ts";
import { StateError } from "../operations/state_error.ts";
import { createAnswersRoom } from "./answers_room.ts";
import type { Seal } from "./sealed.ts";

/** The largest answer that is kept, characters. Messages of NATS have 1 MiB at most. */
const MAX_ANSWER = 256 * 1024;

/** How long after its deadline a request may still be in progress, milliseconds: clocks differ, too. */
export const LEASE_MARGIN_MS = 2_000;

/** How long one answer of JetStream may take, milliseconds. */
const TIMEOUT_MS = 2_000;

/** How long to wait before asking again how far another instance is, milliseconds: at first, and at most. */
const FIRST_WAIT_MS = 20;
const MAX_WAIT_MS = 500;

/** When to try again what is refused because the stream is full, milliseconds: answers leave it all the time. */
const FULL_MS = 5_000;

/** What the stream takes for a message beside its body: subject, headers and the record's own; bytes. */
const RECORD_BYTES = 250;

/** JetStream's codes. */
const WRONG_LAST_SEQUENCE = 10071;
const NO_MESSAGE_FOUND = 10037;

/** What is kept about a request. */
const Kept = z.discriminatedUnion("state", [
  /** An instance does it, until this time at most, milliseconds since 1970. */
  z.object({ state: z.literal("running"), fingerprint: z.string(), until: z.number() }),
  /** It is done. No answer: it was too large to keep. */
  z.object({ state: z.literal("done"), fingerprint: z.string(), answer: z.string().optional() }),
  /** It was refused, and may be done again. */
  z.object({ state: z.literal("refused") }),
]);
type Kept = z.infer<typeof Kept>;

/** A request that is to be done once. */
export interface OnceRequest {
  /** Tells requests apart: key, operation and `Idempotency-Key`. */
  name: string;
  /** Tells bodies apart. */
  fingerprint: string;
  seal: Seal;
  /** How long the request may still take, milliseconds; 1 when its time is over. */
  timeLeft(): number;
}

/** See the module's doc. */
export interface SharedAnswers {
  /** How full the stream is, as a share of its size. */
  readonly fullness: number;
  /**
   * Returns the answer of the first request with this name, or does the request. `replayed` says which.
   *
   * @throws {StateError} if the first request had another fingerprint, or its answer was too large to keep
   * @throws {FaultError} `unavailable` if JetStream does not answer, or has too many answers: nothing was done
   * then. `timeout` if another instance does the request for too long
   */
  once(
    request: OnceRequest,
    run: () => Promise<string>,
  ): Promise<{ answer: string; replayed: boolean }>;
}

/** Creates the answers of one process. */
export function createSharedAnswers(bus: Bus): SharedAnswers {
  const stream = jetstream(bus.nats);
  const manager = jetstreamManager(bus.nats, { checkAPI: false, timeout: TIMEOUT_MS });
  const room = createAnswersRoom(bus, manager);

  /** Replaces the message with this seq; 0 if there is none. Returns the new seq; undefined if there is another one. */
  const write = async (subject: string, seal: Seal, kept: Kept, before: number) => {
    try {
      const sealed = seal.seal(JSON.stringify(kept));
      const { seq } = await stream.publish(subject, sealed, {
        expect: { streamName: ANSWERS_STREAM, lastSubjectSequence: before },
        timeout: TIMEOUT_MS,
      });
      room.stored(sealed.length + RECORD_BYTES);
      return seq;
    } catch (error) {
      if (hasCode(error, WRONG_LAST_SEQUENCE)) return undefined;
      throw error;
    }
  };
  /** Returns the message; null if there is none. What nobody with this seal wrote counts as refused. */
  const read = async (subject: string, seal: Seal): Promise<{ seq: number; kept: Kept } | null> => {
    try {
      const query = { last_by_subj: subject };
      const message = await (await manager).streams.getMessage(ANSWERS_STREAM, query);
      if (message === null) return null;
      const text = seal.open(message.data);
      const kept: Kept = text === undefined ? { state: "refused" } : Kept.parse(JSON.parse(text));
      return { seq: message.seq, kept };
    } catch (error) {
      if (hasCode(error, NO_MESSAGE_FOUND)) return null;
      throw error;
    }
  };

  /** Claims the request: returns the seq of the claim, or the answer if there is one. */
  const claim = async (subject: string, { fingerprint, seal, timeLeft }: OnceRequest) => {
    let before = 0;
    let wait = FIRST_WAIT_MS;
    // A request that was done, or is in progress, is answered all the same.
    if (!await room.free()) {
      const known = await read(subject, seal);
      if (known === null || known.kept.state === "refused") {
        const detail = "too many answers are kept: try again later, or without Idempotency-Key";
        throw new FaultError("unavailable", detail, FULL_MS);
      }
    }
    while (timeLeft() > 1) {
      const until = Date.now() + timeLeft() + LEASE_MARGIN_MS;
      const seq = await write(subject, seal, { state: "running", fingerprint, until }, before);
      if (seq !== undefined) return { seq };
      const found = await read(subject, seal);
      before = found?.seq ?? 0;
      if (found === null || found.kept.state === "refused") continue;
      const { kept } = found;
      if (kept.fingerprint !== fingerprint) throw usedOtherwise();
      if (kept.state === "done") {
        if (kept.answer !== undefined) return { answer: kept.answer };
        const detail = "the request was done, and its answer was too large to be kept";
        throw new StateError(409, "invalid_format", detail);
      }
      while (Date.now() < kept.until && timeLeft() > 1) {
        await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random() / 2)));
        wait = Math.min(2 * wait, MAX_WAIT_MS);
        if ((await read(subject, seal))?.seq !== found.seq) break;
      }
    }
    throw new FaultError("timeout", "a request with this Idempotency-Key is in progress", 1_000);
  };

  return {
    get fullness() {
      return room.fullness;
    },
    async once(request, run) {
      const { name, fingerprint, seal } = request;
      const subject = answerSubject(createHash("sha256").update(name).digest("base64url"));
      const claimed = await claim(subject, request).catch((error) => {
        if (error instanceof FaultError) throw error;
        bus.log.warn("cannot claim a request", { error: errorText(error) });
        const detail = "requests with an Idempotency-Key cannot be kept apart now";
        throw new FaultError("unavailable", detail, 1_000);
      });
      if (claimed.answer !== undefined) return { answer: claimed.answer, replayed: true };
      const end = (kept: Kept) =>
        write(subject, seal, kept, claimed.seq).catch((error) => {
          // Others wait until the claim ends. Repetitions at this instance get its own copy of the answer.
          bus.log.warn("cannot keep the answer to a request", { error: errorText(error) });
        });
      let answer;
      try {
        answer = await run();
      } catch (error) {
        await end({ state: "refused" });
        throw error;
      }
      const small = answer.length <= MAX_ANSWER;
      await end({ state: "done", fingerprint, ...small ? { answer } : {} });
      return { answer, replayed: false };
    },
  };
}

/** The refusal of a request whose key was used with another body. */
export function usedOtherwise(): StateError {
  return new StateError(409, "invalid_format", "Idempotency-Key was used with another request");
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}
