/**
 * The sizes of the scenarios.
 *
 * @module
 */

/** How large things are: the sizes that are reported, and small ones to see that all of it works. */
export interface Sizes {
  seconds: number;
  maxSteps: number;
  hotMembers: number;
  rooms: number;
  roomMembers: number;
  manyRooms: number;
  idle: number;
  storm: number;
  publishers: number;
  comingBack: number;
  missed: number;
  /** Seconds of churn, and clients that are there at a time. */
  churn: number;
  churning: number;
  /** Turns in which tracing is compared. */
  tracingTurns: number;
}

export const FULL: Sizes = {
  seconds: 4,
  maxSteps: 14,
  hotMembers: 1_000,
  rooms: 200,
  roomMembers: 5,
  manyRooms: 1_000,
  idle: 10_000,
  storm: 5_000,
  publishers: 100,
  comingBack: 1_000,
  missed: 200,
  churn: 60,
  churning: 500,
  tracingTurns: 5,
};

export const QUICK: Sizes = {
  seconds: 1,
  maxSteps: 2,
  hotMembers: 50,
  rooms: 5,
  roomMembers: 3,
  manyRooms: 10,
  idle: 100,
  storm: 100,
  publishers: 10,
  comingBack: 20,
  missed: 10,
  churn: 2,
  churning: 20,
  tracingTurns: 1,
};
