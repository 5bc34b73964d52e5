/**
 * `deno task bench-attack`: how long another user's ping takes while sixteen connections of one user attack
 * the gateway, each in several ways, with the limits that a gateway has by default. Prints p50 and p99
 * without and with the attack, in turns, and their ratio; and what the attack takes of the gateway's core and
 * memory.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { connectClient } from "../../harness/client.ts";
import { startProcess } from "../../harness/process.ts";
import { ROOT } from "../../harness/root.ts";
import { startSystem, tokenFor } from "../../harness/system.ts";
import { allowedCores, cpuOf, pin, rssOf } from "../processes.ts";
import { type Attack, ATTACKS, ROOM } from "./attacks.ts";
import { Victim } from "./victim.ts";

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "3" },
    attack: { type: "string" },
  },
});
const ms = Number(values.seconds) * 1_000;
const rounds = Number(values.rounds);

/** How long an attack lasts before the measurement begins, milliseconds: it has used up its bursts. */
const WARM_UP_MS = 2_000;

/** Messages of the room whose history is read. A page of them has 640 KiB. */
const MESSAGES = 40;
const BYTES = 30_000;

const [serverCore, clientCore = serverCore] = allowedCores() as [number, number?];
await using system = await startSystem({ env: { all: { LOG_LEVEL: "error" } } });
const services = [
  ...[...system.gateways, ...system.auths, ...system.rooms, ...system.persistences],
  { process: system.nats.process },
];
await pin(services.map(({ process }) => process.pid), [serverCore]);
await pin([Deno.pid], [clientCore]);
const gateway = system.gateways[0]!;

const writer = await system.client({ user: "ann" });
writer.send({ type: "subscribe", room: ROOM });
await writer.take("subscribed");
for (let i = 0; i < MESSAGES; i++) {
  writer.send({ type: "message", room: ROOM, id: `m${i}`, content: "x".repeat(BYTES) });
  await writer.take("ack");
}
writer.close();

/** Attacks in a process of its own. Returns how to stop, with the number of attempts. */
async function begin(name: Attack): Promise<() => Promise<number>> {
  const script = `${ROOT}tests/bench/attack/attackers.ts`;
  const process = startProcess(Deno.execPath(), ["run", "-A", script, name, `${gateway.port}`]);
  await pin([process.pid], [clientCore]);
  await process.line("begun");
  return async () => {
    process.signal("SIGTERM");
    return JSON.parse(await process.line("attempts")).attempts;
  };
}

say(
  "attack                p50     p99  with it: p50     p99   ratio of p99   attempts  CPU  memory",
);
const names = values.attack === undefined
  ? ATTACKS
  : ATTACKS.filter((name) => name === values.attack);
for (const name of names) {
  const normal = new Victim();
  const attacked = new Victim();
  let attempts = 0;
  let memory = 0;
  let cpu = 0;
  for (let round = 0; round < rounds; round++) {
    const client = await connectClient(system.url());
    client.send({ type: "auth", token: await tokenFor("bob") });
    await client.take("authenticated");
    await normal.ping(client, ms);
    const before = rssOf(gateway.process.pid);
    const stop = await begin(name);
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
    const usedBefore = cpuOf(gateway.process.pid);
    await attacked.ping(client, ms);
    cpu += (cpuOf(gateway.process.pid) - usedBefore) / (ms * 1_000) / rounds;
    memory = Math.max(memory, rssOf(gateway.process.pid) - before);
    attempts += await stop();
    client.close();
  }
  const times = [normal, attacked].flatMap((
    { times },
  ) => [times.quantile(0.5), times.quantile(0.99)]);
  const [p50, p99, p50Attacked, p99Attacked] = times.map((us) => `${(us / 1_000).toFixed(2)} ms`);
  const ratio = (times[3]! / times[1]!).toFixed(2);
  say([
    name.padEnd(16),
    p50!.padStart(9),
    p99!.padStart(8),
    p50Attacked!.padStart(15),
    p99Attacked!.padStart(8),
    ratio.padStart(14),
    String(attempts).padStart(10),
    `${(cpu * 100).toFixed(0)} %`.padStart(5),
    `${(memory / 2 ** 20).toFixed(0)} MiB`.padStart(8),
  ].join(" "));
}
