/**
 * The kit: what every service needs. Imports the contract.
 *
 * @module
 */
export * from "./app/mod.ts";
export * from "./base_config.ts";
export * from "./api_keys.ts";
export * from "./batcher.ts";
export * from "./bus.ts";
export * from "./config.ts";
export * from "./consumer_place.ts";
export * from "./content/content.ts";
export * from "./content/html.ts";
export * from "./deadline.ts";
export * from "./denials/mod.ts";
export * from "./divided_log.ts";
export * from "./encoded_reply.ts";
export * from "./endpoints.ts";
export * from "./epoch.ts";
export * from "./fault_error.ts";
export * from "./health.ts";
export * from "./hop.ts";
export * from "./log.ts";
export { type LogLook, LogPlace, type ReadMessage } from "./log_place.ts";
export * from "./log_throttle.ts";
export * from "./micro/micro_service.ts";
export * from "./namespaces.ts";
export * from "./nats_config.ts";
export * from "./nats_version.ts";
export * from "./presence/mod.ts";
export * from "./replication.ts";
export * from "./requests.ts";
export * from "./screening.ts";
export * from "./service.ts";
export * from "./stream_leader.ts";
export * from "./stream_publisher.ts";
export * from "./telemetry/mod.ts";
export * from "./waiting_queue.ts";
export * from "./wire_headers.ts";
