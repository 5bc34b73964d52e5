/**
 * What persistence exports about the archive. OpenTelemetry reads it when it exports.
 *
 * @module
 */
import { metrics } from "@opentelemetry/api";
import type { ArchiveState } from "./history/archive_state.ts";

/** Exports the position of the archive and what is missing in it, from what is known. */
export function exportArchiveState(state: Pick<ArchiveState, "current" | "unexplained">): void {
  const meter = metrics.getMeter("hopwire.persistence");
  meter.createObservableGauge("hopwire.archive.position", {
    description: "The seq up to which the log is archived",
  }).addCallback((result) => {
    if (state.current !== null) result.observe(state.current.position);
  });
  meter.createObservableGauge("hopwire.archive.holes.unexplained", {
    description: "Ranges of messages that are missing and that nothing explains",
    unit: "{hole}",
  }).addCallback((result) => result.observe(state.unexplained));
}
