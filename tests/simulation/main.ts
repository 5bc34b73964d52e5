/**
 * `deno task simulate [--seconds N] [--seed S] [--large]`: runs schedules of the presence simulation until
 * the time is over or one fails, or measures a large room.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { measureLargeRoom } from "./large_room.ts";
import { simulatePresence } from "./presence_simulation.ts";

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string" },
    large: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
const first = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
if (!(seconds > 0) || !Number.isInteger(first)) {
  say("usage: deno task simulate [--seconds N] [--seed S] [--large], N above 0, S a whole number");
  Deno.exit(2);
}
if (values.large) await reportLargeRoom();
else await simulate();

/** Runs one schedule after the other: of seed S, S + 1, ... */
async function simulate(): Promise<void> {
  say(`schedules from seed ${first}, for ${seconds} s`);
  const end = performance.now() + seconds * 1_000;
  let [seed, messages, kills] = [first, 0, 0];
  do {
    const result = await simulatePresence(seed);
    if (result.faults.length > 0) {
      for (const fault of result.faults) say(`WRONG  ${fault}`);
      say(`seed ${seed} failed; repeat it with --seconds 1 --seed ${seed}`);
      Deno.exit(1);
    }
    messages += result.messages;
    kills += result.kills;
    seed++;
  } while (performance.now() < end);
  say(`${seed - first} schedules agree: ${messages} messages, ${kills} kills`);
}

async function reportLargeRoom(): Promise<void> {
  const room = { members: 100_000, gateways: 20, joinsPerSecond: 4_000 };
  const { members, gateways } = room;
  say(`one room of ${members} members over ${gateways} gateways, ${room.joinsPerSecond} joins/s`);
  // With --v8-flags=--expose-gc; without it the figures of memory include garbage.
  const cost = await measureLargeRoom(room, (globalThis as { gc?: () => void }).gc);
  const { statements, statementBytes, opening, heap, listed } = cost;
  if (new Set([...Object.values(listed), members]).size > 1) {
    say(`WRONG  not all members are listed: ${JSON.stringify(listed)}`);
    Deno.exit(1);
  }
  // All gateways but the one that states it, and a rooms instance.
  const listeners = gateways;
  say(
    `published for each join: ${(statements / members).toFixed(2)} messages, ${
      (statementBytes / members).toFixed(0)
    } bytes`,
  );
  say(
    `delivered for each join, to ${gateways - 1} gateways and one rooms instance: ${
      (statements * listeners / members).toFixed(1)
    } messages, ${(statementBytes * listeners / members).toFixed(0)} bytes`,
  );
  say(
    `heap for each member: ${heap.gateway.toFixed(0)} bytes in each gateway, ${
      heap.rooms.toFixed(0)
    } in each rooms instance`,
  );
  say(
    `opening the room on another gateway: ${opening.requests} requests, ${
      (opening.bytes / 1e6).toFixed(1)
    } MB, ${opening.ms.toFixed(0)} ms of CPU, all processes`,
  );
}
