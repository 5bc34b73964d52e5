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
  /** Clients that leave and return, and how many per second. */
  returns: number;
  returnRate: number;
  overloadClients: number;
  overloadSeconds: number;
  /** Newcomers after an overload, ten per second. */
  overloadProbes: number;
  jitterClients: number;
  /** Seconds between two cuts of a client, seconds that it is away, and seconds of jitter. */
  jitterEvery: number;
  jitterAway: number;
  jitterSeconds: number;
  /** Messages per second during jitter. */
  jitterRate: number;
  /** Seconds between the end of a scenario and the measurement of the idle system. */
  idleWait: number;
  publishers: number;
  returning: number;
  missed: number;
  /** Seconds of churn. */
  churn: number;
  /** Concurrent clients during churn. */
  churning: number;
  /** Turns of the tracing comparison, at a rate that the server keeps up with and beyond capacity. */
  tracingTurns: number;
  tracingFullTurns: number;
  /** The share of the tracing comparison's usual rates. */
  tracingLoad: number;
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
  returns: 10_000,
  returnRate: 2_000,
  overloadClients: 1_000,
  overloadSeconds: 10,
  overloadProbes: 150,
  jitterClients: 1_000,
  jitterEvery: 15,
  jitterAway: 2,
  jitterSeconds: 30,
  jitterRate: 400,
  idleWait: 30,
  publishers: 100,
  returning: 1_000,
  missed: 200,
  churn: 60,
  churning: 500,
  tracingTurns: 12,
  tracingFullTurns: 3,
  tracingLoad: 1,
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
  returns: 100,
  returnRate: 100,
  overloadClients: 50,
  overloadSeconds: 1,
  overloadProbes: 20,
  jitterClients: 50,
  jitterEvery: 3,
  jitterAway: 1,
  jitterSeconds: 4,
  jitterRate: 50,
  idleWait: 1,
  publishers: 10,
  returning: 20,
  missed: 10,
  churn: 2,
  churning: 20,
  tracingTurns: 1,
  tracingFullTurns: 1,
  tracingLoad: 0.25,
};
