/**
 * `deno task torture [--minutes N] [--seed S]`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { torture } from "./torture.ts";

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

const { values } = parseArgs({
  args: Deno.args,
  options: { minutes: { type: "string", default: "2" }, seed: { type: "string" } },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
if (!(minutes > 0) || !Number.isInteger(seed)) {
  say("usage: deno task torture [--minutes N] [--seed S], N above 0 and S a whole number");
  Deno.exit(2);
}
say(`seed ${seed}, ${minutes} minutes`);
const { verdict, disturbances, counts } = await torture({ seed, minutes, say });
say(
  `\ndone: ${Object.entries(disturbances).map(([name, count]) => `${count} x ${name}`).join(", ")}`,
);
say(`counts: ${Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(", ")}`);
for (const line of verdict) say(`WRONG  ${line}`);
say(
  verdict.length === 0 ? `all guarantees hold (seed ${seed})` : `guarantees failed (seed ${seed})`,
);
Deno.exit(verdict.length === 0 ? 0 : 1);
