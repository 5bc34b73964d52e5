/**
 * `deno task fuzz [--count N] [--seed S] [--only KIND]`: sends N hostile inputs of each kind to live processes.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

const { values } = parseArgs({
  args: Deno.args,
  options: {
    count: { type: "string", default: "100000" },
    seed: { type: "string" },
    only: { type: "string" },
  },
});
const count = Number(values.count);
const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) {
  say("usage: deno task fuzz [--count N] [--seed S] [--only KIND], whole numbers");
  Deno.exit(2);
}
say(`seed ${seed}`);
await fuzz({ count, seed, only: values.only, say });
say("no crash, no undocumented answer");
