/**
 * The rights to the streams of the log. Each is named: a wildcard would reach every other stream. No I/O.
 *
 * @module
 */
import { CONSUMER_API, STREAM_API } from "./rights.ts";
import { movingSubject, ROOMS_STREAMS } from "./streams.ts";

/** What following the log takes: its identity, and single messages, also the last ones of rooms. */
export const FOLLOW_LOG: readonly string[] = ROOMS_STREAMS.flatMap((stream) => [
  `${STREAM_API}.INFO.${stream}`,
  `${STREAM_API}.MSG.GET.${stream}`,
]);

/** What making and archiving the log takes. */
export const ARCHIVE_LOG: readonly string[] = ROOMS_STREAMS.flatMap((stream, index) => [
  ...["CREATE", "INFO", "UPDATE", "PURGE", "MSG.GET", "MSG.DELETE"]
    .map((call) => `${STREAM_API}.${call}.${stream}`),
  `${CONSUMER_API}.CREATE.${stream}.*`,
  `${CONSUMER_API}.MSG.NEXT.${stream}.*`,
  movingSubject(index),
]);

/** What copying the log takes. */
export const COPY_LOG: readonly string[] = ROOMS_STREAMS.flatMap((stream) => [
  `${STREAM_API}.SNAPSHOT.${stream}`,
  `${STREAM_API}.RESTORE.${stream}`,
  `$JS.SNAPSHOT.ACK.${stream}.>`,
  `$JS.SNAPSHOT.RESTORE.${stream}.*`,
]);
