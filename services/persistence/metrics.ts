/**
 * What persistence exports about the archive and the log. OpenTelemetry reads it when it exports.
 *
 * @module
 */
import type { StreamInfo } from "@nats-io/jetstream";
import { observeValue } from "../kit/mod.ts";
import type { ArchiveState } from "./history/archive_state.ts";

/** What is known of the log. */
export interface LogMetrics {
  /** Takes what the server says about the log; null if nothing is known any more. */
  seen(stream: Pick<StreamInfo, "state" | "config"> | null): void;
}

/**
 * Exports the position of the archive, what is missing in it, and the size of the log: of one stream, which
 * `attributes` name where there are several. What is not known is not exported: only the instance that
 * archives looks at the log.
 */
export function exportArchiveMetrics(
  archive: Pick<ArchiveState, "current" | "unexplainedMessages">,
  attributes?: Record<string, string>,
): LogMetrics {
  let stream: Pick<StreamInfo, "state" | "config"> | null = null;
  const observe = (name: Parameters<typeof observeValue>[0], read: () => number) =>
    observeValue(name, read, attributes);
  const ofLog = (value: (stream: Pick<StreamInfo, "state" | "config">) => number) => () =>
    stream === null ? NaN : value(stream);
  observe("hopwire.archive.position", () => archive.current?.position ?? NaN);
  observe("hopwire.archive.holes.unexplained", () => archive.unexplainedMessages);
  observe(
    "hopwire.archive.lag",
    ofLog(({ state }) =>
      Math.max(0, state.last_seq - Math.max(archive.current?.position ?? 0, state.first_seq - 1))
    ),
  );
  observe("hopwire.log.messages", ofLog(({ state }) => state.messages));
  observe("hopwire.log.size", ofLog(({ state }) => state.bytes));
  observe(
    "hopwire.log.fullness",
    ofLog(({ state, config }) => config.max_bytes > 0 ? state.bytes / config.max_bytes : NaN),
  );
  return { seen: (info) => stream = info };
}
