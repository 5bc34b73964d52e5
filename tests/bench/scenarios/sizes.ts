/**
 * The sizes of the scenarios.
 *
 * @module
 */

/** The sizes of the scenarios. */
export interface Sizes {
  seconds: number;
  maxSteps: number;
  hotMembers: number;
  rooms: number;
  roomMembers: number;
  manyRooms: number;
  idle: number;
  storm: number;
  joinStorm: number;
  /** Clients of the open storm, and how many arrive per second. */
  openStorm: number;
  openRate: number;
  /** Seconds from their end to the measurement of the idle system. */
  openQuiet: number;
  /** Seconds between the end of a scenario and the measurement of the idle system. */
  idleWait: number;
  publishers: number;
  returning: number;
  missed: number;
  /** Seconds of churn. */
  churn: number;
  /** Concurrent clients during churn. */
  churning: number;
  /** Turns of the tracing comparison. */
  tracingTurns: number;
}

/** The sizes of reported results. */
export const FULL: Sizes = {
  seconds: 4,
  maxSteps: 14,
  hotMembers: 1_000,
  rooms: 200,
  roomMembers: 5,
  manyRooms: 1_000,
  idle: 10_000,
  storm: 5_000,
  joinStorm: 10_000,
  openStorm: 40_000,
  openRate: 4_000,
  openQuiet: 10,
  idleWait: 30,
  publishers: 100,
  returning: 1_000,
  missed: 200,
  churn: 60,
  churning: 500,
  tracingTurns: 5,
};

/** Small sizes, which only check that everything works. */
export const QUICK: Sizes = {
  seconds: 1,
  maxSteps: 2,
  hotMembers: 50,
  rooms: 5,
  roomMembers: 3,
  manyRooms: 10,
  idle: 100,
  storm: 100,
  joinStorm: 100,
  openStorm: 200,
  openRate: 400,
  openQuiet: 1,
  idleWait: 3,
  publishers: 10,
  returning: 20,
  missed: 10,
  churn: 2,
  churning: 20,
  tracingTurns: 1,
};
