/**
 * When each client of a stopping gateway moves to another one.
 *
 * @module
 */

/** The share of what the others can take that a drain asks of them. They serve their own clients, too. */
const SHARE = 0.7;

/** Shortest window where nobody else takes the clients, milliseconds: a restart takes about as long. */
const RESTART_MS = 1_500;

/** What a plan follows from. */
export interface DrainSituation {
  /** How many clients have to move. */
  clients: number;
  /** How many new clients a second all others can take; 0 if there is no other gateway. */
  othersAccept: number;
  /** The same of this gateway: what is started in its place is as fast. */
  ownAccept: number;
  /** The longest time that clients may stay connected, milliseconds. */
  maxStay: number;
}

/** A plan. The nth of `clients` has its turn after n / clients * `window`. */
export interface DrainPlan {
  /** The time over which the clients move, milliseconds. */
  window: number;
  /** How long clients stay connected until their turn, milliseconds. Later ones leave then and wait. */
  stay: number;
}

/**
 * Makes a plan. Clients stay until their turn if another gateway takes them. If there is none, all leave
 * at once and come back when this gateway has been started again.
 *
 * @example
 * ```ts
 * import { planDrain } from "./drain_plan.ts";
 * import assert from "node:assert/strict";
 * const situation = { clients: 7_000, othersAccept: 2_000, ownAccept: 1_000, maxStay: 10_000 };
 * assert.deepEqual(planDrain(situation), { window: 5_000, stay: 5_000 });
 * assert.deepEqual(planDrain({ ...situation, othersAccept: 0 }), { window: 10_000, stay: 0 });
 * ```
 */
export function planDrain(situation: DrainSituation): DrainPlan {
  const { clients, othersAccept, ownAccept, maxStay } = situation;
  const rate = SHARE * (othersAccept > 0 ? othersAccept : ownAccept);
  const needed = Math.ceil(clients / rate * 1_000);
  if (othersAccept > 0) return { window: needed, stay: Math.min(needed, maxStay) };
  return { window: Math.max(RESTART_MS, needed), stay: 0 };
}
