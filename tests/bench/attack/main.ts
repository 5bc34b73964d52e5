/**
 * `deno task bench-attack`: how long another user's ping takes while sixteen connections of one user attack
 * the gateway, each in several ways, with the limits that a gateway has by default. Prints p50 and p99
 * of slices of a second without and with the attack, which take turns: of all slices the median, which other
 * work on the machine disturbs least. Also what the attack takes of the gateway's core and memory.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { connectClient, type TestClient } from "../../harness/client.ts";
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
    seconds: { type: "string", default: "1" },
    slices: { type: "string", default: "15" },
    attack: { type: "string" },
  },
});
const ms = Number(values.seconds) * 1_000;
const slices = Number(values.slices);

/** How long an attack lasts before the measurement begins, milliseconds: it has used up its bursts. */
const WARM_UP_MS = 2_000;

/** How long attackers are stopped, or go on, before a slice is measured, milliseconds. */
const SETTLE_MS = 300;

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

/** Waits. */
const pause = (time: number) => new Promise((resolve) => setTimeout(resolve, time));

/** The median of numbers. */
const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[numbers.length >> 1]!;

/** Measures one attack and returns a line of the table. */
async function measure(name: Attack): Promise<string> {
  const client = await connectClient(system.url());
  client.send({ type: "auth", token: await tokenFor("bob") });
  await client.take("authenticated");
  const before = rssOf(gateway.process.pid);
  const script = `${ROOT}tests/bench/attack/attackers.ts`;
  const attackers = startProcess(Deno.execPath(), ["run", "-A", script, name, `${gateway.port}`]);
  await pin([attackers.pid], [clientCore]);
  await attackers.line("begun");
  await pause(WARM_UP_MS);
  const normal: Victim[] = [];
  const attacked: Victim[] = [];
  const cpu: number[] = [];
  let memory = 0;
  for (let slice = 0; slice < slices; slice++) {
    await attackers.stop();
    await pause(SETTLE_MS);
    normal.push(await pinged(client));
    attackers.signal("SIGCONT");
    await pause(SETTLE_MS);
    const [used, began] = [cpuOf(gateway.process.pid), performance.now()];
    attacked.push(await pinged(client));
    cpu.push((cpuOf(gateway.process.pid) - used) / (performance.now() - began) / 10);
    memory = Math.max(memory, rssOf(gateway.process.pid) - before);
  }
  attackers.signal("SIGTERM");
  const { attempts } = JSON.parse(await attackers.line("attempts"));
  client.close();
  const at = (victims: Victim[], share: number) =>
    median(victims.map(({ times }) => times.quantile(share))) / 1_000;
  const ratio = at(attacked, 0.99) / at(normal, 0.99);
  const times = [at(normal, 0.5), at(normal, 0.99), at(attacked, 0.5), at(attacked, 0.99)];
  return [
    name.padEnd(17),
    ...times.map((time) => `${time.toFixed(1)} ms`.padStart(9)),
    ratio.toFixed(2).padStart(6),
    `${median(cpu).toFixed(0)} %`.padStart(5),
    `${(memory / 2 ** 20).toFixed(0)} MiB`.padStart(8),
    String(attempts).padStart(9),
  ].join(" ");
}

async function pinged(client: TestClient): Promise<Victim> {
  const victim = new Victim();
  await victim.ping(client, ms);
  return victim;
}

say("attack                  p50       p99  with: p50     p99  ratio   CPU   memory  attempts");
for (const name of ATTACKS) {
  if (values.attack === undefined || values.attack === name) say(await measure(name));
}
