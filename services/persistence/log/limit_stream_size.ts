/**
 * Keeps each stream of the log within its size. When it fills, archived messages are purged, oldest first. If it
 * fills with unarchived messages, it is closed before it is full.
 *
 * It must be closed because `discard: new` does not protect the oldest messages. The stream weighs
 * a new message without its record header and subject (some 60 bytes). If the stored message then
 * exceeds `max_bytes`, it drops its oldest messages. Of 60 messages of 100 bytes in 2,000 bytes,
 * nats-server 2.9.10 accepted all and kept 13. The dropped messages had been acked and were the
 * only copies.
 *
 * @module
 */
import type { StreamInfo } from "@nats-io/jetstream";
import { epochOfStream, type Logger } from "../../kit/mod.ts";
import { CLOSED_MAX_MESSAGE_BYTES, type LogStream, MAX_MESSAGE_BYTES } from "./stream.ts";

/**
 * Shares of `max_bytes`: above which the log is purged, down to which, and above which it closes.
 */
const TRIM_ABOVE = 0.75;
const TRIM_TO = 0.5;
const CLOSE_ABOVE = 0.95;

/**
 * Checks the size of the log once, and purges, closes or reopens it as needed. The instance that
 * writes does this: everything up to `position` is archived. `seen` gets what the server says about the log.
 *
 * @returns whether the log has room and is open, so that nothing has to be done until it grows
 * @throws {JetStreamApiError} if the log is unavailable
 */
export async function limitStreamSize(
  { manager, name }: LogStream,
  log: Logger,
  { epoch, position }: { epoch: string; position: number },
  seen: (stream: StreamInfo) => void = () => {},
): Promise<boolean> {
  const stream = await manager.streams.info(name);
  seen(stream);
  if (epochOfStream(stream) !== epoch) return false;
  const { max_bytes: maxBytes, max_msg_size: maxMessage } = stream.config;
  let { bytes, messages, first_seq: first } = stream.state;
  if (maxBytes <= 0) return true;
  if (bytes > TRIM_ABOVE * maxBytes && messages > 0) {
    const tooMany = Math.ceil((bytes - TRIM_TO * maxBytes) / (bytes / messages));
    const seq = Math.min(first + tooMany, position + 1);
    if (seq > first) {
      const { purged } = await manager.streams.purge(name, { seq });
      log.debug("purged archived messages from the log", { purged, before: seq });
      ({ bytes, messages, first_seq: first } = (await manager.streams.info(name)).state);
    }
  }
  if (bytes >= CLOSE_ABOVE * maxBytes && maxMessage !== CLOSED_MAX_MESSAGE_BYTES) {
    await manager.streams.update(name, { max_msg_size: CLOSED_MAX_MESSAGE_BYTES });
    log.error("the log is full of unarchived messages; it accepts no more", {
      messages,
      bytes,
    });
  } else if (bytes < TRIM_ABOVE * maxBytes && maxMessage === CLOSED_MAX_MESSAGE_BYTES) {
    await manager.streams.update(name, { max_msg_size: MAX_MESSAGE_BYTES });
    log.info("the log accepts messages again");
  }
  return bytes <= TRIM_ABOVE * maxBytes && maxMessage !== CLOSED_MAX_MESSAGE_BYTES;
}
