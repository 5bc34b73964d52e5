/**
 * Removes what releases before this one stored about presence: a JetStream key-value bucket that nobody
 * reads any more.
 *
 * @module
 */
import { JetStreamApiError, jetstreamManager } from "@nats-io/jetstream";
import { type Bus, errorText } from "../kit/mod.ts";

/** The stream of the bucket. */
const OLD_STREAM = "KV_PRESENCE";

/** JetStream's code for "stream not found". */
const STREAM_NOT_FOUND = 10059;

/** Deletes the bucket if it is there. Never throws: it does no harm but to take space. */
export async function deleteOldBucket(bus: Bus): Promise<void> {
  try {
    const manager = await jetstreamManager(bus.nats, { checkAPI: false });
    await manager.streams.delete(OLD_STREAM);
    bus.log.info("deleted the presence bucket of an earlier release");
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return;
    bus.log.warn("could not delete the old presence bucket", { error: errorText(error) });
  }
}
