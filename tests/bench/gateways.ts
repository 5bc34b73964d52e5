/**
 * `deno task bench-gateways`: what one, two and four gateways carry on the cores of this machine, which the
 * load shares with them, in many small rooms. One run tells how they compare.
 *
 * @module
 */
import { startHopwire } from "./peers/hopwire.ts";
import { allowedCores } from "./processes.ts";
import type { Step } from "./rate.ts";
import { FULL, manyRooms } from "./scenarios.ts";

/** How many gateways run. */
const GATEWAYS = [1, 2, 4];

/** The rate at which CPU is compared, and where the search for the limit begins; messages per second. */
const [STEADY, FROM] = [500, 2_000];

const SIZES = { ...FULL, seconds: 2, maxSteps: 8 };

/** CPU of a delivery, of all processes, microseconds. */
const cpuOfAll = ({ cpu }: Step) => Object.values(cpu).reduce((sum, one) => sum + one, 0);

/** CPU of a delivery: of gateways, and of everything. */
const cpuOfStep = (step: Step) =>
  `${step.cpu.gateway!.toFixed(1)} us gateways, ${cpuOfAll(step).toFixed(1)} us all`;

let first: number | undefined;
for (const gateways of GATEWAYS) {
  await using target = await startHopwire({ cores: allowedCores(), gateways });
  const { rooms, roomMembers: members } = SIZES;
  const { steady: [quiet], ramp: { best } } = await manyRooms(target, SIZES, {
    rooms,
    members,
    steady: [STEADY],
    from: FROM,
    say: () => {},
  });
  first ??= best.deliveries;
  // deno-lint-ignore no-console
  console.log([
    `${gateways} gateways: ${Math.round(best.deliveries)} deliveries/s at most`,
    `${(best.deliveries / first).toFixed(2)} of one`,
    `${best.serverCore.toFixed(2)} cores for the system, ${best.loadCore.toFixed(2)} for the load`,
    `${Math.round(allowedCores().length * 1e6 / cpuOfAll(best))} deliveries/s if it had all cores`,
    `a delivery costs ${cpuOfStep(best)} then, at ${STEADY} msg/s ${cpuOfStep(quiet!)}`,
  ].join("; "));
}
Deno.exit();
