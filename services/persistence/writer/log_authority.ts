/**
 * What only the instance that archives can answer: whether the log is the one that the archive holds.
 *
 * @module
 */
import type * as z from "zod";
import { LOG_CHANGED, type LogChanged, LogConfirm } from "../../contract/mod.ts";
import { type Bus, FaultError, publish, serve } from "../../kit/mod.ts";

/** The `retryAfter` of a refusal, milliseconds. */
const RETRY_AFTER_MS = 250;

/** What archives the log on this instance. */
export interface Archives {
  /** The id of the server whose log this instance archives. */
  readonly attachedTo: string | undefined;
  /** Begins a new generation in place of this one, because the log has lost messages of it. */
  abandonGeneration(epoch: string): void;
}

/** Serves `log.confirm` while this instance archives. */
export class LogAuthority {
  readonly #bus: Bus;
  readonly #archiver: Archives;
  #subscription: { drain(): Promise<void> } | undefined;
  #epoch: string | undefined;

  constructor(bus: Bus, archiver: Archives) {
    this.#bus = bus;
    this.#archiver = archiver;
  }

  /** This instance has attached to a log. Announces its epoch. */
  attached(epoch: string): void {
    this.#epoch = epoch;
    publish(this.#bus, LOG_CHANGED, { epoch } satisfies z.infer<typeof LogChanged>);
    this.#subscription ??= serve(this.#bus, LogConfirm, "persistence", ({ epoch: asked, lost }) => {
      // A server that this instance has not attached to may have another log.
      const current = this.#epoch;
      if (current === undefined || this.#archiver.attachedTo !== serverOf(this.#bus)) {
        throw unavailable();
      }
      if (asked === current && lost !== undefined) {
        this.#archiver.abandonGeneration(current);
        throw unavailable();
      }
      return { epoch: current };
    });
  }

  /** This instance no longer archives. */
  async released(): Promise<void> {
    this.#epoch = undefined;
    const subscription = this.#subscription;
    this.#subscription = undefined;
    await subscription?.drain();
  }
}

/** The id of the server process that the connection leads to; each start of a server has its own. */
export function serverOf(bus: Bus): string | undefined {
  return bus.connected ? bus.nats.info?.server_id : undefined;
}

function unavailable(): FaultError {
  return new FaultError(
    "unavailable",
    "the log is being compared with the archive",
    RETRY_AFTER_MS,
  );
}
