/**
 * Metrics and spans, as the contract of telemetry describes them.
 *
 * @module
 */
export * from "./clock.ts";
export * from "./hop_durations.ts";
export * from "./hop_spans.ts";
export * from "./instruments.ts";
export * from "./message_times.ts";
export * from "./operation_durations.ts";
export * from "./process_metrics.ts";
export { exportRootHop } from "./root_spans.ts";
