/**
 * Knows how full the stream ANSWERS is. The stream drops its oldest answers when it is full, and a request whose
 * answer was dropped would be done again when it is repeated. So new requests are refused before that.
 *
 * @module
 */
import type { JetStreamManager } from "@nats-io/jetstream";
import { ANSWERS_STREAM } from "../../contract/mod.ts";
import { type Bus, errorText, LogThrottle } from "../../kit/mod.ts";

/**
 * The share of the stream's size above which no new requests are taken. The rest is for the answers of those in
 * progress, and for what other instances write until the next look.
 */
const FULL = 0.9;

/** How old a look may be, milliseconds, and after which share of the size there is another one. */
const LOOK_MS = 1_000;
const LOOK_SHARE = 0.02;

/** How long to wait after a look that failed, milliseconds. Without JetStream no request is taken anyway. */
const FAILED_MS = 10_000;

/** See the module's doc. */
export interface AnswersRoom {
  /** How full the stream is, as a share of its size. */
  readonly fullness: number;
  /** Whether another request may be taken. Looks at the stream if that was too long ago. */
  free(): Promise<boolean>;
  /** Takes note of what this instance has stored. */
  stored(bytes: number): void;
}

/** Creates it; nothing is known yet. */
export function createAnswersRoom(bus: Bus, manager: Promise<JetStreamManager>): AnswersRoom {
  const throttle = new LogThrottle();
  let used = 0;
  let size = Infinity;
  let storedSince = 0;
  let lookAt = 0;
  let looking: Promise<void> | undefined;
  const look = async () => {
    try {
      const { state, config } = await (await manager).streams.info(ANSWERS_STREAM);
      used = state.bytes;
      size = config.max_bytes > 0 ? config.max_bytes : Infinity;
      storedSince = 0;
      lookAt = performance.now() + LOOK_MS;
    } catch (error) {
      lookAt = performance.now() + FAILED_MS;
      const fields = { error: errorText(error) };
      throttle.run(() => bus.log.warn("cannot see how full ANSWERS is", fields));
    } finally {
      looking = undefined;
    }
  };
  const fullness = () => (used + storedSince) / size;
  const isFull = () => fullness() >= FULL;
  return {
    get fullness() {
      return fullness();
    },
    async free() {
      const now = performance.now();
      const much = storedSince > LOOK_SHARE * size;
      if (now >= lookAt || (much && lookAt - now <= LOOK_MS)) looking ??= look();
      // Otherwise the last look is good enough.
      if (isFull() || much) await looking;
      if (!isFull()) return true;
      throttle.run(() => bus.log.warn("ANSWERS is full: requests with a new key are refused"));
      return false;
    },
    stored(bytes) {
      storedSince += bytes;
    },
  };
}
