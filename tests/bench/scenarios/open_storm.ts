/**
 * An open storm: clients arrive at a fixed rate, whether the server keeps up or not, as after a
 * deploy. Then they all leave at once.
 *
 * @module
 */
import { idleBurn } from "../idle_burn.ts";
import { startLoad } from "../load/processes.ts";
import { newcomer } from "../newcomer.ts";
import { type Usage, usageOf, usedPer } from "../processes.ts";
import type { Target } from "../target.ts";
import type { Sizes } from "./sizes.ts";

/** How long clients may try to join, seconds. */
const LIMIT_S = 60;

/** For how long the idle system is measured, seconds. */
const QUIET_S = 5;

/** How long a newcomer may take, milliseconds. */
const NEWCOMER_MS = 20_000;

/** How an open storm went. */
export interface OpenStorm {
  clients: number;
  /** Clients per second that arrived. */
  rate: number;
  /** The share of clients that joined within a minute. */
  joined: number;
  /** Seconds after the start at which 95 % had joined; null if they had not within a minute. */
  until95: number | null;
  /** From when a client was due until it had joined, milliseconds. */
  p50: number;
  p99: number;
  refused: Record<string, number>;
  /** How late the load processes started a client, milliseconds. */
  late: number;
  /** CPU time per joined client by group, microseconds. */
  cpu: Usage;
  /** How long a newcomer took to join beside the crowd, milliseconds; null if it did not. */
  newcomer: number | null;
  /** The share of a core by group, some time after all clients left (`Sizes.openQuiet`). */
  quiet: Usage;
  /** How long a newcomer took then, milliseconds. */
  newcomerAfter: number | null;
}

/** Measures clients that arrive at a fixed rate. The server side and the load share all cores. */
export async function openStorm(target: Target, sizes: Sizes): Promise<OpenStorm> {
  const { openStorm: clients, openRate: rate } = sizes;
  await using load = await startLoad(target, { clients, rooms: clients / 5, rate, limit: LIMIT_S });
  const before = usageOf(target.groups);
  const { joinedAt, took, refused, late } = await load.go();
  const cpu = usedPer(before, usageOf(target.groups), joinedAt.length);
  const beside = await newcomer(target, NEWCOMER_MS);
  await load.close();
  const quiet = await idleBurn(target, sizes.openQuiet, Math.min(QUIET_S, sizes.openQuiet));
  const at95 = joinedAt[Math.ceil(clients * 0.95) - 1];
  const quantile = (share: number) => took[Math.ceil(took.length * share) - 1] ?? NaN;
  return {
    clients,
    rate,
    joined: joinedAt.length / clients,
    until95: at95 === undefined ? null : at95 / 1_000,
    p50: quantile(0.5),
    p99: quantile(0.99),
    refused,
    late,
    cpu,
    newcomer: beside,
    quiet,
    newcomerAfter: await newcomer(target, NEWCOMER_MS),
  };
}
