/**
 * Open-loop load: messages are sent at a fixed rate, whatever the responses. Each message carries
 * the time it was due, so an overloaded server is not measured only by the messages that got
 * through (coordinated omission).
 *
 * @module
 */
import { Histogram } from "./histogram.ts";
import { cpuOf, type Usage, usageOf } from "./processes.ts";
import { clock } from "./clock.ts";
import type { Swarm } from "./swarm.ts";
import type { Target } from "./target.ts";

/** Most messages sent between two polls of the sockets. */
const BURST = 64;

/** How long messages in flight may take to arrive after a step, milliseconds. */
const SETTLE_MS = 20_000;

/** The p99 latency above which a step counts as overloaded, microseconds. */
const OVERLOAD_US = 1_000_000;

/** The share of expected deliveries below which a step counts as overloaded. */
const KEPT_UP = 0.97;

/** The result of one step at one rate. */
export interface Step {
  /** The intended rate, messages per second. */
  rate: number;
  /** The actual rate, messages per second. */
  sent: number;
  /** Deliveries per second. */
  deliveries: number;
  /** Latency quantiles of deliveries since the message was due, milliseconds. */
  p50: number;
  p95: number;
  p99: number;
  p999: number;
  /** CPU time per delivery by group of processes, microseconds. */
  cpu: Usage;
  /** The share of a core that the server side used. */
  serverCore: number;
  /** The share of a core that the load client used. */
  loadCore: number;
  /** The number of connections that the server has closed so far, by close code. */
  lost: Record<string, number>;
  /** Whether the server side kept up. */
  keptUp: boolean;
}

/** The load of a step. */
export interface Drive {
  target: Target;
  swarm: Swarm;
  /** Sends the nth message, which is due at a time of {@link clock}. */
  send(n: number, due: number): void;
  /** Deliveries per message. */
  fanOut: number;
  /** Measured seconds. A warm-up of a quarter as many, at least one, comes first. */
  seconds: number;
}

/** Runs one step, and waits for the messages still in flight. */
export async function runStep(drive: Drive, rate: number): Promise<Step> {
  const { target, swarm } = drive;
  const interval = 1_000_000 / rate;
  let next = clock();
  let n = 0;
  const work = () => {
    let now = clock();
    for (let burst = 0; next <= now && burst < BURST; burst++) {
      drive.send(n++, Math.round(next));
      next += interval;
      if (burst % 16 === 15) now = clock();
    }
    return next - now > 1_000 ? 1 : 0;
  };
  const phase = async (seconds: number) => {
    const end = clock() + seconds * 1_000_000;
    await swarm.run("a step", () => clock() >= end, seconds * 1_000 + 30_000, work);
  };
  const before = swarm.delivered;
  await phase(Math.max(1, drive.seconds / 4));
  const histogram = swarm.latency = new Histogram();
  const [began, cpu, load, delivered, sent] = [
    clock(),
    usageOf(target.groups),
    cpuOf(Deno.pid),
    swarm.delivered,
    n,
  ];
  await phase(drive.seconds);
  const elapsed = (clock() - began) / 1_000_000;
  const used = usageOf(target.groups);
  const loadUsed = cpuOf(Deno.pid) - load;
  const count = swarm.delivered - delivered;
  const sentCount = n - sent;
  swarm.latency = null;
  const all = before + n * drive.fanOut;
  await swarm.run("messages in flight", () => swarm.delivered >= all, SETTLE_MS).catch(() => {});
  const milliseconds = (share: number) => histogram.quantile(share) / 1_000;
  const per = Object.entries(used).map(([name, value]) => [name, (value - cpu[name]!) / count]);
  const server = Object.entries(used).reduce((sum, [name, value]) => sum + value - cpu[name]!, 0);
  return {
    rate,
    sent: sentCount / elapsed,
    deliveries: count / elapsed,
    p50: milliseconds(0.5),
    p95: milliseconds(0.95),
    p99: milliseconds(0.99),
    p999: milliseconds(0.999),
    cpu: Object.fromEntries(per),
    serverCore: server / elapsed / 1_000_000,
    loadCore: loadUsed / elapsed / 1_000_000,
    lost: Object.fromEntries(swarm.lost),
    keptUp: count >= rate * elapsed * drive.fanOut * KEPT_UP &&
      histogram.quantile(0.99) < OVERLOAD_US && swarm.delivered >= all,
  };
}

/** The result of a search for the limit. */
export interface Ramp {
  steps: Step[];
  /** The step with the most deliveries per second. */
  best: Step;
  /** The fastest step whose p99 was below {@link Ramp.bound}, if any. */
  within: Step | null;
  /** The bound for p99, milliseconds. */
  bound: number;
  /** Deliveries that one message makes. */
  fanOut: number;
}

/**
 * Raises the rate until the server side no longer keeps up, then narrows down where p99 exceeds
 * `bound` milliseconds. Reports each step to `say`.
 */
export async function ramp(
  drive: Drive,
  options: { from: number; factor: number; bound: number; maxSteps: number },
  say: (step: Step) => void,
): Promise<Ramp> {
  const steps: Step[] = [];
  const run = async (rate: number) => {
    const step = await runStep(drive, rate);
    steps.push(step);
    say(step);
    return step;
  };
  let rate = options.from;
  let failed = 0;
  // On a shared machine a single bad step may have another cause. Two in a row count.
  for (let i = 0; i < options.maxSteps && failed < 2; i++) {
    failed = (await run(Math.round(rate))).keptUp ? 0 : failed + 1;
    if (drive.swarm.lost.size > 0) break;
    rate *= options.factor;
  }
  const fits = (step: Step) => step.keptUp && step.p99 < options.bound;
  const within = () => steps.filter(fits).reduce<Step | null>(faster, null);
  const beyond = Math.min(...steps.filter((step) => !fits(step)).map((step) => step.rate));
  const low = within();
  if (low !== null && Number.isFinite(beyond) && beyond > low.rate * 1.1) {
    await run(Math.round((low.rate + beyond) / 2));
  }
  const best = steps.reduce((a, b) => b.deliveries > a.deliveries ? b : a);
  return { steps, best, within: within(), bound: options.bound, fanOut: drive.fanOut };
}

function faster(a: Step | null, b: Step): Step {
  return a === null || b.rate > a.rate ? b : a;
}
