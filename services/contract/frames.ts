/**
 * The frames of the wire protocol (see PROTOCOL.md in this folder): one zod schema per frame, and
 * the types inferred from them. No I/O; imports only zod.
 *
 * @module
 */
export * from "./client_frames.ts";
export * from "./frame_fields.ts";
export * from "./server_frames.ts";
