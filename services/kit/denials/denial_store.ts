/**
 * Writes denials into their stream.
 *
 * @module
 */
import {
  DiscardPolicy,
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import {
  type Denial,
  DENIALS_STREAM,
  DENIALS_STREAM_SUBJECT,
  denialSubject,
  type Denied,
} from "../../contract/mod.ts";
import type { Bus } from "../bus.ts";
import { FaultError } from "../fault_error.ts";
import { errorText } from "../log.ts";
import { Replication, type ReplicationOptions } from "../replication.ts";
import { readDenial } from "./denial_message.ts";
import { type Denials, LIFTED_MS } from "./follow_denials.ts";

/** JetStream's codes. */
const STREAM_NOT_FOUND = 10059;
const STREAM_NAME_IN_USE = 10058;
const STORE_FAILED = 10077;
const WRONG_LAST_SEQUENCE = 10071;

/** How long one answer of JetStream may take, milliseconds. */
const TIMEOUT_MS = 2_000;

/** After this long without an answer about the stream it may be gone, milliseconds. */
const ENSURE_MS = 2_000;

/** How often missing replicas are asked for, milliseconds: a server may have joined the cluster. */
const REPLICATE_MS = 30_000;

/** How often a write is repeated because somebody else wrote about the same. */
const TRIES = 8;

/** Writes denials. */
export interface DenialStore {
  /**
   * Stores what `change` makes of the denial that is stored now, if any: undefined changes nothing.
   * Returns what is stored then. The list of this process has it, too.
   *
   * @throws {FaultError} `unavailable` if JetStream cannot store it, or has as many denials as it may
   */
  write(
    denied: Denied,
    change: (stored: Denial | undefined) => Denial | undefined,
  ): Promise<Denial | undefined>;
  /** Takes back what is in force. Returns whether it was. */
  lift(denied: Denied): Promise<boolean>;
}

/** Makes the store of one process. */
export function createDenialStore(bus: Bus, denials: Denials): DenialStore {
  const write: DenialStore["write"] = async (denied, change) => {
    for (let tries = 1;; tries++) {
      try {
        const manager = await jetstreamManager(bus.nats, { checkAPI: false, timeout: TIMEOUT_MS });
        const last = await readDenial(manager, { last_by_subj: denialSubject(denied) });
        const stored = last?.denial && denials.list.inForce(last.denial) ? last.denial : undefined;
        const denial = change(stored);
        if (denial === undefined) return stored;
        await jetstream(bus.nats).publish(denialSubject(denial), JSON.stringify(denial), {
          expect: { streamName: DENIALS_STREAM, lastSubjectSequence: last?.seq ?? 0 },
          timeout: TIMEOUT_MS,
        });
        // So that it is effective here before the answer.
        await denials.sync().catch(() => {});
        return denial;
      } catch (error) {
        if (hasCode(error, WRONG_LAST_SEQUENCE) && tries < TRIES) continue;
        throw refusalOf(error);
      }
    }
  };
  return {
    write,
    async lift(denied) {
      let lifted = false;
      await write(denied, (stored) => {
        lifted = stored !== undefined;
        if (stored === undefined) return undefined;
        const at = Date.now();
        return { ...stored, lifted: true, at, expiresAt: at + LIFTED_MS };
      });
      return lifted;
    },
  };
}

function refusalOf(error: unknown): FaultError {
  if (error instanceof FaultError) return error;
  const text = errorText(error);
  return hasCode(error, STORE_FAILED) && /maximum messages/.test(text)
    ? new FaultError(
      "unavailable",
      "there are as many revocations and bans as AUTH_MAX_DENIALS allows: lift some, or raise it",
    )
    : new FaultError("unavailable", `the revocations cannot be stored: ${text}`, 1_000);
}

/** Creates the stream for at most `max` denials, or changes limit and replicas of an existing one. */
async function ensureDenialsStream(
  bus: Bus,
  max: number,
  replication: Replication,
): Promise<void> {
  const manager = await jetstreamManager(bus.nats, { checkAPI: false, timeout: TIMEOUT_MS });
  const wanted = {
    subjects: [DENIALS_STREAM_SUBJECT],
    max_msgs: max,
    max_msgs_per_subject: 1,
    // A full stream refuses new denials. Old would forget the oldest.
    discard: DiscardPolicy.New,
  };
  try {
    let info = await manager.streams.info(DENIALS_STREAM);
    if (info.config.max_msgs !== max) info = await manager.streams.update(DENIALS_STREAM, wanted);
    await replication.apply(manager, info);
  } catch (error) {
    if (!hasCode(error, STREAM_NOT_FOUND)) throw error;
    await replication.create(manager, {
      ...wanted,
      name: DENIALS_STREAM,
      description: "Hopwire: revoked tokens and banned users",
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      deny_purge: true,
    }).catch((error) => {
      // Another instance was faster.
      if (!hasCode(error, STREAM_NAME_IN_USE)) throw error;
    });
  }
}

/**
 * Keeps the stream: creates it again when it is gone, stores again what was lost or overwritten, and
 * removes what has ended and what is no denial. `max` is how many denials there may be; `replication`
 * says how many replicas the stream has. Returns a function that stops.
 */
export function keepDenialsStream(
  bus: Bus,
  denials: Denials,
  store: DenialStore,
  { max, replication: wanted }: { max: number; replication?: ReplicationOptions },
): () => void {
  const replication = new Replication(bus, { owner: "auth", ...wanted });
  let ensuredAt = performance.now();
  let loggedError: string | undefined;
  const ensure = async () => {
    if (!bus.connected) return;
    ensuredAt = performance.now();
    try {
      await ensureDenialsStream(bus, max, replication);
      await denials.sync();
      loggedError = undefined;
    } catch (error) {
      const text = errorText(error);
      if (text !== loggedError) bus.log.warn("waiting for the stream of denials", { error: text });
      loggedError = text;
    }
  };
  const remove = async (seqs: readonly number[]) => {
    try {
      const manager = await jetstreamManager(bus.nats, { checkAPI: false, timeout: TIMEOUT_MS });
      for (const seq of seqs) {
        // Another instance may have removed it.
        await manager.streams.deleteMessage(DENIALS_STREAM, seq).catch(() => {});
      }
    } catch (error) {
      // It takes a place until the next start.
      bus.log.warn("could not remove messages of denials", { error: errorText(error) });
    }
  };
  denials.onDamaged(async (foreign) => {
    if (foreign.length > 0) {
      bus.log.error("removing messages that are no denials from the stream", { seqs: foreign });
      await remove(foreign);
    }
    for (const [, { denial, seq }] of [...denials.list.entries()]) {
      if (seq > 0 || !denials.list.inForce(denial)) continue;
      await store.write(denial, (stored) => stored === undefined ? denial : undefined)
        .catch((error) => {
          bus.log.error("a denial could not be stored again", { error: errorText(error) });
        });
    }
  });
  denials.onEnded((ended) => void remove(ended.map(({ seq }) => seq).filter((seq) => seq > 0)));
  void ensure();
  const timer = setInterval(() => {
    if (!denials.isFresh(ENSURE_MS) || performance.now() - ensuredAt >= REPLICATE_MS) void ensure();
  }, ENSURE_MS);
  return () => clearInterval(timer);
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}
