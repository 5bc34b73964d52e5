/**
 * Presence as soft state: what a gateway states, and what a listener derives from it. Pure logic without
 * I/O, used by the gateway and by rooms, and tested in a simulation. PROTOCOL.md describes the messages.
 *
 * @module
 */
export * from "./comparisons.ts";
export * from "./digest.ts";
export * from "./fingerprint.ts";
export * from "./follow_rosters.ts";
export * from "./follower.ts";
export * from "./leases.ts";
export * from "./local_facts.ts";
export * from "./presence_view.ts";
export * from "./roster.ts";
export * from "./state_pages.ts";
export * from "./state_reader.ts";
export * from "./statement.ts";
export * from "./view_host.ts";
