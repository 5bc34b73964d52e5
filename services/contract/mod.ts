/**
 * The contract: what the wire and the bus carry. Everything else imports this; it does no I/O and
 * imports nothing but zod.
 *
 * @module
 */
export * from "./bus.ts";
export * from "./codes.ts";
export * from "./frames.ts";
export * from "./http.ts";
export * from "./limits.ts";
export * from "./namespaces.ts";
export * from "./rooms.ts";
export * from "./subjects.ts";
