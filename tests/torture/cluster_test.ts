/** Seventy-five seconds of torture on three nats-servers. The seed comes from the clock. */
import assert from "node:assert/strict";
import { findNatsServer, natsVersion } from "../../services/start/nats_server.ts";
import { torture } from "./torture.ts";

const MINUTES = 1.25;

/**
 * On 2.9.10 this failed once (seed 1796071494): 66 joins without recovery, which nobody has explained yet.
 * There it is `deno task torture --cluster`.
 */
const OLD = /^2\.9\./.test(await natsVersion(await findNatsServer()));

Deno.test({ name: "all guarantees hold through the torture of a cluster", ignore: OLD, fn: play });

async function play(): Promise<void> {
  const seed = Math.floor(Date.now() / 1_000);
  const lines: string[] = [];
  const { verdict, counts } = await torture({
    seed,
    minutes: MINUTES,
    cluster: true,
    say: (line) => lines.push(line),
  });
  assert.deepEqual(verdict, [], `seed ${seed}\n${lines.join("\n")}\n${JSON.stringify(counts)}`);
  assert.ok(counts.acked! > 300 && counts.recovered! > 20, JSON.stringify(counts));
}
