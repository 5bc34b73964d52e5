/**
 * Revoked tokens and users banned from rooms: the list, how it is followed, and how it is written.
 *
 * @module
 */
export * from "./denial_list.ts";
export * from "./denial_page.ts";
export * from "./denial_store.ts";
export * from "./follow_denials.ts";
export * from "./stale_setting.ts";
