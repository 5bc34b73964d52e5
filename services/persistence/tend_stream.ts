/**
 * Keeps the log small: what is archived is purged from it when it fills, oldest first. Where it fills
 * with what is not archived, it is shut before it is full.
 *
 * The shutting is needed because a stream with `discard: new` weighs a new message without its record
 * header and subject (some 60 bytes), and drops its oldest to stay within `max_bytes` after storing
 * one that did not quite fit: of 60 messages of 100 bytes in 2,000 bytes nats-server 2.9.10 accepted
 * all and kept 13. Those dropped are acked, and the only copy.
 *
 * @module
 */
import type { JetStreamManager } from "@nats-io/jetstream";
import { ROOMS_STREAM } from "../contract/mod.ts";
import type { Logger } from "../kit/mod.ts";
import { MAX_MESSAGE_BYTES, readProgress, SHUT } from "./stream.ts";

/** The parts of `max_bytes` above which it is trimmed, to which, and above which it is shut. */
const TRIM_ABOVE = 0.75;
const TRIM_TO = 0.5;
const SHUT_ABOVE = 0.95;

/**
 * Looks at the log once and does what is due. Any number of instances may do so at a time.
 *
 * @throws {JetStreamApiError} when the log is not reached
 */
export async function tendStream(manager: JetStreamManager, log: Logger): Promise<void> {
  const { floor, stream } = await readProgress(manager);
  const { max_bytes: maxBytes, max_msg_size: maxMessage } = stream.config;
  let { bytes, messages, first_seq: first } = stream.state;
  if (maxBytes <= 0) return;
  if (bytes > TRIM_ABOVE * maxBytes && messages > 0) {
    const tooMany = Math.ceil((bytes - TRIM_TO * maxBytes) / (bytes / messages));
    const seq = Math.min(first + tooMany, floor + 1);
    if (seq > first) {
      const { purged } = await manager.streams.purge(ROOMS_STREAM, { seq });
      log.debug("archived messages were purged from the log", { purged, before: seq });
      ({ bytes, messages, first_seq: first } = (await manager.streams.info(ROOMS_STREAM)).state);
    }
  }
  if (bytes >= SHUT_ABOVE * maxBytes && maxMessage !== SHUT) {
    await manager.streams.update(ROOMS_STREAM, { max_msg_size: SHUT });
    log.error("the log is full of messages that are not archived yet: it takes no more", {
      messages,
      bytes,
    });
  } else if (bytes < TRIM_ABOVE * maxBytes && maxMessage === SHUT) {
    await manager.streams.update(ROOMS_STREAM, { max_msg_size: MAX_MESSAGE_BYTES });
    log.info("the log takes messages again");
  }
}
