/**
 * The parts of the gate's tests. Each is a run of `deno test` of its own; some run side by side, because
 * most tests wait more than they compute.
 *
 * @module
 */
import {
  AGAIN_ON_CURRENT,
  NOT_AGAIN,
  ONLY_ON_CURRENT,
  without,
  withServer,
} from "./current_nats.ts";

/** A part. */
export interface Part {
  name: string;
  /** What to pass to `deno test`. */
  args: string[];
  /** Whether it runs on the current nats-server. */
  again: boolean;
}

/** How many parts run at a time on two cores. A fourth one makes the others as much slower. */
export const AT_A_TIME = 3;

/** The folders with tests. */
export const FOLDERS = ["services", "client", "tests"];

const SCENARIOS = "tests/scenarios";

/** Folders that are parts of their own, the longest first. */
const ALONE = ["tests/browser", "tests/bench", "tests/torture", "tests/client"];

/**
 * Returns all parts, in the order in which they should begin: the long ones first, so that none runs alone
 * at the end. `current` says whether there is a current nats-server beside the installed one.
 */
export async function gateParts(current: boolean): Promise<Part[]> {
  const part = (name: string, args: string[], again = false): Part => ({ name, args, again });
  const later = current ? ONLY_ON_CURRENT : [];
  const scenarios = await without([SCENARIOS], [`${SCENARIOS}/`, ...later]);
  const scenariosAgain = await without([SCENARIOS], NOT_AGAIN);
  const rest = await without(FOLDERS, [...ALONE, SCENARIOS]);
  const restAgain = await without(
    AGAIN_ON_CURRENT.filter((path) => path !== SCENARIOS),
    NOT_AGAIN,
  );
  const tortureAgain = restAgain.filter((path) => path.startsWith("tests/torture/"));
  const servicesAgain = await withServer(restAgain.filter((path) => !tortureAgain.includes(path)));
  const [first, second, third] = deal(scenarios, 3);
  const [firstAgain, secondAgain] = deal(scenariosAgain, 2);
  const alone = await Promise.all(
    ALONE.map(async (folder) => part(folder, await without([folder], later))),
  );
  const parts = [
    part("scenarios, 3 of 3", third!),
    part("scenarios, 2 of 3", second!),
    part("everything else", ["--doc", ...rest]),
    part("scenarios, 1 of 3", first!),
    ...alone,
    part("scenarios, 2 of 2", secondAgain!, true),
    part("everything else", servicesAgain, true),
    part("tests/torture", tortureAgain, true),
    part("scenarios, 1 of 2", firstAgain!, true),
  ];
  return parts.filter(({ again }) => current || !again);
}

/** Deals items to `count` hands, so that neighbours, which take about as long, go to different ones. */
function deal(items: readonly string[], count: number): string[][] {
  const hands: string[][] = Array.from({ length: count }, () => []);
  items.forEach((item, i) => hands[i % count]!.push(item));
  return hands;
}
