/**
 * Runs the scenarios against Hopwire and its peers, one after the other on the same cores: the whole
 * server side on one core, the load on another, unless a scenario says otherwise.
 *
 * @module
 */
import { idleBurn } from "./idle_burn.ts";
import { type Peer, type PeerName, preparePeer } from "./peers.ts";
import { pin } from "./processes.ts";
import { burnLine, type TargetResults } from "./report.ts";
import type { Sizes } from "./scenarios/sizes.ts";
import { type Run, RUNS, type Scenario } from "./runs.ts";

/** Options of {@link bench}. */
export interface BenchOptions {
  scenarios: readonly Scenario[];
  peers: readonly PeerName[];
  /** Whether programs of peers may be built, which takes minutes. */
  install: boolean;
  sizes: Sizes;
  serverCore: number;
  loadCore: number;
  say: (line: string) => void;
}

/** For how long the idle system is measured after a scenario, seconds. */
const BURN_S = 5;

/** Runs the scenarios. Returns the results by peer, for each peer that can run. */
export async function bench(options: BenchOptions): Promise<Record<string, TargetResults>> {
  const { say } = options;
  const peers: Peer[] = [];
  for (const name of options.peers) {
    const peer = await preparePeer(name, options.install);
    if (typeof peer === "string") say(`no ${name}: ${peer}`);
    else peers.push(peer);
  }
  const results: Record<string, TargetResults> = {};
  for (const scenario of options.scenarios) {
    const run = RUNS[scenario];
    for (const peer of peers) {
      const why = run.skips?.(peer, options.sizes) ?? null;
      say(`\n${scenario}, ${peer.name}${why === null ? "" : `: skipped, ${why}`}`);
      if (why === null) await runOne(scenario, run, peer, results[peer.name] ??= {}, options);
    }
  }
  return results;
}

async function runOne(
  scenario: Scenario,
  run: Run,
  peer: Peer,
  results: TargetResults,
  { sizes, say, serverCore, loadCore }: BenchOptions,
): Promise<void> {
  const both = [...new Set([serverCore, loadCore])];
  await pin([Deno.pid], run.shared ? both : [loadCore]);
  const start = (env?: Record<string, string>) =>
    peer.start({ cores: run.shared ? both : [serverCore], gateways: run.gateways, env });
  if (run.alone !== undefined) return await run.alone({ start, results, sizes, say });
  await using target = await start();
  await run.on({ target, results, sizes, say });
  const burn = await idleBurn(target, sizes.idleWait, Math.min(BURN_S, sizes.idleWait));
  (results.burn ??= {})[scenario] = burn;
  say(burnLine(burn, sizes.idleWait));
}
