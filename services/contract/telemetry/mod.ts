/**
 * The contract of telemetry: hops, metrics, and what monitor answers.
 *
 * @module
 */
export * from "./hops.ts";
export * from "./metrics.ts";
export * from "./monitor_api.ts";
export * from "./process_metrics.ts";
