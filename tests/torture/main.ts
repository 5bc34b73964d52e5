/**
 * `deno task torture [--minutes N] [--seed S] [--nats PATH] [--cluster | --disasters [--only TEXT]]`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { findNatsServer, natsVersion } from "../../services/start/nats_server.ts";
import { findCurrentNats } from "../harness/current_nats.ts";
import { runDisaster } from "./disaster_run.ts";
import { DISASTERS, FAILING_DISASTERS } from "./disasters.ts";
import { shorten } from "./judge.ts";
import { measurePauses } from "./pauses.ts";
import { torture } from "./torture.ts";

const USAGE = `usage: deno task torture [options]
  --minutes N      how long, 2 by default; with --disasters, 0 (each once)
  --seed S         a whole number that repeats a schedule
  --nats PATH      the nats-server binary; "current" is the release that the tests install
  --cluster        three nats-servers, and PostgreSQL where it is installed
  --pauses N       how long acks and deliveries pause without one of three nats-servers; N times each
  --disasters      the disasters, in place of the kills and cuts
  --only TEXT      the disasters whose names contain TEXT`;

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

function usage(): never {
  say(USAGE);
  Deno.exit(2);
}

function readArguments() {
  try {
    const { values } = parseArgs({
      args: Deno.args,
      options: {
        minutes: { type: "string" },
        seed: { type: "string" },
        nats: { type: "string" },
        cluster: { type: "boolean", default: false },
        pauses: { type: "string" },
        disasters: { type: "boolean", default: false },
        only: { type: "string", default: "" },
      },
    });
    const minutes = Number(values.minutes ?? (values.disasters ? 0 : 2));
    const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
    if (!(values.disasters ? minutes >= 0 : minutes > 0) || !Number.isInteger(seed)) usage();
    return { ...values, minutes, seed };
  } catch {
    usage();
  }
}

/** Returns the binary of `--nats` and its version. */
async function natsOf(option: string | undefined): Promise<{ binary: string; version: string }> {
  try {
    const binary = option === "current"
      ? await findCurrentNats(say)
      : option ?? await findNatsServer(say);
    if (binary === null) Deno.exit(1);
    return { binary, version: await natsVersion(binary) };
  } catch (error) {
    say(`--nats: ${(error as Error).message}`);
    Deno.exit(1);
  }
}

const { minutes, seed, nats, cluster, pauses, disasters, only } = readArguments();
const { binary: natsServer, version } = await natsOf(nats);
if (pauses !== undefined) {
  await measurePauses({ natsServer, rounds: Number(pauses), say });
  Deno.exit(0);
}
say(`seed ${seed}, ${minutes} minutes, nats-server ${version}`);

/** Runs the usual torture. Returns whether all guarantees hold. */
async function runTorture(): Promise<boolean> {
  const options = { seed, minutes, natsServer, cluster, say };
  const { verdict, disturbances, counts } = await torture(options);
  say(`\ndone: ${Object.entries(disturbances).map(([name, n]) => `${n} x ${name}`).join(", ")}`);
  say(`counts: ${list(counts)}`);
  for (const line of shorten(verdict)) say(`WRONG  ${line}`);
  return verdict.length === 0;
}

/** Runs each disaster, again and again until the time is over. Returns whether all guarantees hold. */
async function runDisasters(): Promise<boolean> {
  const chosen = DISASTERS.filter(({ name }) => name.includes(only));
  if (chosen.length === 0) usage();
  const end = performance.now() + minutes * 60_000;
  let good = true;
  let run = 0;
  do {
    for (const disaster of chosen) {
      const known = FAILING_DISASTERS.has(disaster.name) ? " (known to fail)" : "";
      const { verdict, counts } = await runDisaster(disaster, {
        seed: seed + run,
        natsServer,
        say,
      });
      for (const line of verdict) say(`WRONG  ${line}`);
      say(`${verdict.length === 0 ? "ok" : "FAILED"}  ${disaster.name}${known}: ${list(counts)}\n`);
      good &&= verdict.length === 0;
    }
    run++;
  } while (performance.now() < end);
  return good;
}

function list(counts: Record<string, number>): string {
  return Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(", ");
}

const good = disasters ? await runDisasters() : await runTorture();
say(good ? `all guarantees hold (seed ${seed})` : `guarantees failed (seed ${seed})`);
Deno.exit(good ? 0 : 1);
