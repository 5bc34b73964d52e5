/** Seventy-five seconds of torture on three nats-servers. The seed comes from the clock. */
import assert from "node:assert/strict";
import { findNatsServer, natsVersion } from "../../services/start/nats_server.ts";
import { describe } from "./judge.ts";
import { torture } from "./torture.ts";

const MINUTES = 1.25;

/**
 * Followers of an idle stream sometimes stay behind on 2.9.10 after an emptied disk, so that nothing settles in
 * time. There it is `deno task torture --cluster`.
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
  assert.deepEqual(verdict, [], describe(seed, verdict, lines, counts));
  assert.ok(counts.acked! > 300 && counts.recovered! > 20, JSON.stringify(counts));
}
