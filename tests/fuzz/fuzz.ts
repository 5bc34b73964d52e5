/**
 * Fuzzing of live processes: hostile frames, bytes, handshakes, requests, bodies and bus messages, and afterwards a system that
 * is as it was: no process has crashed, memory is flat, every answer is documented, and people can talk.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { NO_QUOTAS, startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { busMessage, frameBytes, frameText } from "./arbitraries.ts";
import { handshakeText, httpBody, requestText } from "./http_arbitraries.ts";
import {
  attackByBodies,
  attackByBus,
  attackByBytes,
  attackByFrames,
  attackByRequests,
} from "./attacks.ts";

/** Inputs that are generated and sent at a time. */
const ROUND = 1_000;

/**
 * How much a process may grow for good, bytes: a leak of 1 KiB for each of 100,000 inputs would be twice as much.
 * Under load V8 grows further, by what garbage needs before it is collected.
 */
const MAX_GROWTH = 48 * 1024 * 1024;

/** How long an idle process may take to collect its garbage, milliseconds; see the kit's idle_collection.ts. */
const COLLECT_MS = 30_000;

/** Options of {@link fuzz}. */
export interface FuzzOptions {
  /** Inputs of each kind. */
  count: number;
  seed: number;
  /** One kind alone, by its name; all by default. */
  only?: string;
  say?: (line: string) => void;
}

/** Attacks a system. Throws at the first fault. Returns how many inputs of each kind were sent. */
export async function fuzz({ count, seed, only, say = () => {} }: FuzzOptions): Promise<void> {
  // Without limits of rate, which would refuse most of it before anything looks at it.
  const gateway = { ...NO_QUOTAS, RATE_FRAMES_PER_SECOND: "1000000", RATE_BURST: "1000000" };
  await using system = await startSystem({ env: { gateway } });
  await talk(system, "before");
  const kinds = [
    { name: "frames", send: run(system, frameText, attackByFrames) },
    { name: "bytes", send: run(system, frameBytes, attackByBytes) },
    { name: "handshakes", send: run(system, handshakeText, attackByRequests) },
    { name: "requests", send: run(system, requestText, attackByRequests) },
    { name: "bodies", send: run(system, httpBody, attackByBodies) },
    { name: "bus messages", send: run(system, busMessage, attackByBus) },
  ];
  const chosen = kinds.filter(({ name }) => only === undefined || name === only);
  assert.ok(chosen.length > 0, `there are ${kinds.map(({ name }) => name).join(", ")}`);
  for (const { name, send } of chosen) {
    // The first inputs warm the processes up: what they add is no leak.
    let before: number[] | undefined;
    for (let sent = 0; sent < count; sent += ROUND) {
      const undocumented = await send(Math.min(ROUND, count - sent), seed + sent);
      assert.deepEqual(undocumented.slice(0, 5), [], `${name}, seed ${seed + sent}`);
      assertAlive(system, `${name}, seed ${seed + sent}`);
      before ??= memory(system);
    }
    const grown = () => memory(system).map((bytes, i) => bytes - before![i]!);
    const inMiB = () => grown().map((bytes) => bytes >> 20).join(", ");
    const atOnce = inMiB();
    // Garbage that nobody has collected yet is no leak: an idle process collects it within some seconds.
    await until(
      `${name}: the memory to be given back`,
      () => Math.max(...grown()) < MAX_GROWTH,
      COLLECT_MS,
    ).catch((error) => {
      throw new Error(`${error.message}; grown by ${inMiB()} MiB`);
    });
    say(`${count} ${name}: grown by ${atOnce} MiB, then by ${inMiB()} MiB`);
    await talk(system, `after ${name}`);
  }
}

/** Returns a function that generates `count` inputs from a seed and sends them. */
function run<T>(
  system: System,
  arbitrary: fc.Arbitrary<T>,
  attack: (system: System, inputs: readonly T[]) => Promise<string[]>,
): (count: number, seed: number) => Promise<string[]> {
  return (count, seed) => attack(system, fc.sample(arbitrary, { numRuns: count, seed }));
}

const servicesOf = ({ gateways, auths, rooms, persistences }: System) => [
  ...gateways,
  ...auths,
  ...rooms,
  ...persistences,
];

function assertAlive(system: System, when: string): void {
  for (const { name, process } of servicesOf(system)) {
    const end = process.ended;
    assert.equal(end, undefined, `${name} ended, ${when}:\n${process.output.slice(-5).join("\n")}`);
  }
}

/** The resident memory of each process, bytes. */
function memory(system: System): number[] {
  return servicesOf(system).map(({ process }) => {
    const status = Deno.readTextFileSync(`/proc/${process.pid}/status`);
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
  });
}

/** Two people talk, and read what they said: as if nothing had happened. */
async function talk(system: System, when: string): Promise<void> {
  for (const service of servicesOf(system)) await service.ready();
  await until(`people to talk ${when}`, async () => {
    const [ann, bob] = [await system.client({ user: "ann" }), await system.client({ user: "bob" })];
    try {
      for (const client of [ann, bob]) {
        client.send({ type: "subscribe", room: "people" });
        await client.take("subscribed");
      }
      const id = `said-${crypto.randomUUID()}`;
      ann.send({ type: "message", room: "people", content: when, id });
      await ann.take("ack", (frame) => frame.id === id);
      await bob.take("room-message", (frame) => frame.id === id);
      bob.send({ type: "history", room: "people", limit: 1, id: "h" });
      const page = await bob.take("history");
      return page.messages[0]!.id === id;
    } finally {
      ann.close();
      bob.close();
    }
  });
}
