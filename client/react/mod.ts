/**
 * Hooks for React 19, as `@hopwire/client/react`. This module is its whole public API.
 *
 * @module
 */
export { HopwireProvider, type HopwireProviderProps, useHopwire } from "./context.ts";
export { type CallState, useCall } from "./use_call.ts";
export { type PresenceView, usePresence } from "./use_presence.ts";
export type { RoomSnapshot, UseRoomOptions } from "./room_store.ts";
export { type RoomView, useRoom } from "./use_room.ts";
