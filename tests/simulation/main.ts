/**
 * `deno task simulate [--seconds N] [--seed S] [--large]`: runs schedules of the presence simulation until
 * the time is over and says the first seed that fails; or tells what one room of 100,000 members costs.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { largeRoom } from "./large_room.ts";
import { simulatePresence } from "./presence_simulation.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    large: { type: "boolean", default: false },
  },
});
// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

if (values.large) {
  const before = Deno.memoryUsage().heapUsed;
  const { listed, ...cost } = await largeRoom(100_000, 20, 50);
  say(JSON.stringify({ ...cost, listed: listed[0] }, null, 1));
  say(
    `heap with 22 views: ${
      ((Deno.memoryUsage().heapUsed - before) / 1e6).toFixed(0)
    } MB at the end`,
  );
} else {
  const first = Number(values.seed);
  const end = performance.now() + Number(values.seconds) * 1_000;
  let seed = first;
  for (; performance.now() < end; seed++) {
    const { faults } = await simulatePresence(seed);
    if (faults.length === 0) continue;
    say(`seed ${seed} fails:\n${faults.slice(0, 20).join("\n")}`);
    Deno.exit(1);
  }
  say(`${seed - first} schedules from seed ${first} on, none failed`);
}
