/**
 * The contract: everything that travels over the wire and the bus. All other parts import it. It
 * does no I/O and imports only zod.
 *
 * @module
 */
export * from "./api_keys.ts";
export * from "./bus.ts";
export * from "./bus_denials.ts";
export * from "./bus_gateways.ts";
export * from "./bus_history.ts";
export * from "./bus_hooks.ts";
export * from "./bus_rights.ts";
export * from "./bus_tokens.ts";
export * from "./calls.ts";
export * from "./codes.ts";
export * from "./describe_issue.ts";
export * from "./dev_tokens.ts";
export * from "./frames.ts";
export * from "./hook_rights.ts";
export * from "./http.ts";
export * from "./inboxes.ts";
export * from "./limits.ts";
export * from "./micro.ts";
export * from "./namespaces.ts";
export * from "./people_rights.ts";
export * from "./presence.ts";
export * from "./rights.ts";
export * from "./rooms.ts";
export * from "./screening.ts";
export * from "./service_rights.ts";
export * from "./stream_rights.ts";
export * from "./streams.ts";
export * from "./subjects.ts";
export * from "./telemetry/mod.ts";
export * from "./text.ts";
export * from "./usage.ts";
export * from "./webhooks.ts";
