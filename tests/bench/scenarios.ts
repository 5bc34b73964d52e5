/**
 * The scenarios of the bench. Each runs against any target.
 *
 * @module
 */
export * from "./scenarios/catch_up.ts";
export * from "./scenarios/churn.ts";
export * from "./scenarios/hot_room.ts";
export * from "./scenarios/idle.ts";
export * from "./scenarios/jitter.ts";
export * from "./scenarios/join_storm.ts";
export * from "./scenarios/leave_return.ts";
export * from "./scenarios/many_rooms.ts";
export * from "./scenarios/open_storm.ts";
export * from "./scenarios/overload.ts";
export * from "./scenarios/publish.ts";
export * from "./scenarios/sizes.ts";
export * from "./scenarios/storm.ts";
