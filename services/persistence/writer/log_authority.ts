/**
 * Tells gateways whether the log is the one that the archive holds. Only the instance that archives
 * can.
 *
 * @module
 */
import type * as z from "zod";
import { LOG_CHANGED, type LogChanged, logConfirmOf, ROOMS_STREAM } from "../../contract/mod.ts";
import { type Bus, FaultError, publish, serve } from "../../kit/mod.ts";
import type { Served } from "./writer_endpoints.ts";

/** The `retryAfter` of a refusal, milliseconds. */
const RETRY_AFTER_MS = 250;

/** What archives a stream of the log on this instance. */
export interface Archives {
  /** The id of the server whose log this instance archives. */
  readonly attachedTo: string | undefined;
  /** Whether this instance is sure that no other one archives. */
  readonly sure: boolean;
  /** The epoch of that log. */
  readonly epoch: string | undefined;
  /** Begins a new generation in place of this one, because the log has lost messages of it. */
  abandonGeneration(epoch: string): void;
}

/** Announces the epoch of a stream of the log and serves its `log.confirm`. */
export function serveLogConfirm(bus: Bus, stream: string, archives: Archives): Served {
  const { epoch } = archives;
  if (epoch !== undefined) announceEpoch(bus, stream, epoch);
  return serve(bus, logConfirmOf(stream), "persistence", ({ epoch: asked, lost }) => {
    const { epoch, attachedTo } = archives;
    // A server that this instance has not attached to may have another log.
    if (epoch === undefined || attachedTo !== serverOf(bus) || !archives.sure) throw unavailable();
    if (asked === epoch && lost !== undefined) {
      archives.abandonGeneration(epoch);
      throw unavailable();
    }
    return { epoch };
  });
}

/** Tells gateways that a stream of the log has this epoch now. */
export function announceEpoch(bus: Bus, stream: string, epoch: string): void {
  const named = stream === ROOMS_STREAM ? {} : { stream };
  publish(bus, LOG_CHANGED, { epoch, ...named } satisfies z.infer<typeof LogChanged>);
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
