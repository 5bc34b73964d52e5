/**
 * Formats the results as text.
 *
 * @module
 */
import type { Ramp, Step } from "./rate.ts";
import type { Usage } from "./processes.ts";
import type {
  CatchUp,
  Churn,
  HotRoom,
  Idle,
  Jitter,
  JoinStorm,
  LeaveReturn,
  ManyRooms,
  OpenStorm,
  Overload,
  Publish,
  Storm,
} from "./scenarios.ts";
import type { Tracing } from "./tracing.ts";

/** The results of one target. Scenarios that were not run are absent. */
export interface TargetResults {
  hotRoom?: HotRoom;
  manyRooms?: ManyRooms;
  manyRoomsLarge?: Ramp;
  idle?: Idle;
  storm?: Storm;
  joinStorm?: JoinStorm;
  openStorm?: OpenStorm;
  leaveReturn?: LeaveReturn;
  overloadJoins?: Overload;
  overloadMessages?: Overload;
  jitter?: Jitter;
  publish?: Publish;
  catchUp?: CatchUp;
  churn?: Churn;
  traced?: Tracing;
  /** The share of a core by group that the idle system used after each scenario. */
  burn?: Record<string, Usage>;
}

const whole = (value: number) => Math.round(value).toLocaleString("en-US");
const cpuText = (cpu: Record<string, number>) =>
  Object.entries(cpu).map(([name, value]) => `${name} ${value.toFixed(2)}`).join(", ");

/** Formats a step as one line. */
export function stepLine(step: Step): string {
  return [
    `${whole(step.rate).padStart(7)} msg/s`,
    `${whole(step.deliveries).padStart(10)} deliveries/s`,
    `p50 ${step.p50.toFixed(1)} p95 ${step.p95.toFixed(1)} p99 ${step.p99.toFixed(1)} p99.9 ${
      step.p999.toFixed(1)
    } ms`,
    `us/delivery: ${cpuText(step.cpu)}`,
    `load ${(step.loadCore * 100).toFixed(0)} %`,
    step.keptUp ? "" : `overloaded ${JSON.stringify(step.lost)}`,
  ].join("  ").trimEnd();
}

/** Formats the figures of a scenario as one line. */
export function summary(result: object): string {
  return Object.entries(result).map(([name, value]) => `${name} ${figure(value)}`).join("  ");
}

function figure(value: unknown): string {
  if (typeof value === "number") {
    return Math.abs(value) >= 100 ? whole(value) : String(Number(value.toPrecision(3)));
  }
  if (value === null || typeof value !== "object") return String(value);
  return `{ ${summary(value).replaceAll("  ", ", ")} }`;
}

/** Formats what the idle system uses. */
export function burnLine(burn: Usage, wait: number): string {
  const parts = Object.entries(burn).map(([name, share]) => `${name} ${(share * 100).toFixed(1)}`);
  return `idle ${wait} s later, % of a core: ${parts.join(", ")}`;
}

/** A row of the table: its name, its value for a target, and the number of decimals. */
type Row = [what: string, read: (of: TargetResults) => number | undefined, digits: number];

/** Formats a Markdown table: one row per measurement, one column per target, and their ratio. */
export function table(results: Record<string, TargetResults>): string {
  const names = Object.keys(results);
  const rows: Row[] = [
    ["hot room: most deliveries/s", (of) => of.hotRoom?.ramp.best.deliveries, 0],
    ["hot room: deliveries/s with p99 < 50 ms", (of) => of.hotRoom?.ramp.within?.deliveries, 0],
    ["hot room: p99 there, ms", (of) => of.hotRoom?.ramp.within?.p99, 1],
    ["hot room: p99 at 50 msg/s, ms", (of) => of.hotRoom?.quiet.p99, 1],
    ...[0, 1].flatMap((index): Row[] => {
      const step = (of: TargetResults) => of.manyRooms?.steady[index];
      const rate = whole(Object.values(results).map(step).find(Boolean)?.rate ?? 0);
      return [
        [`many rooms, ${rate} msg/s: CPU us a delivery`, (of) => sum(step(of)?.cpu), 1],
        [`many rooms, ${rate} msg/s: p99, ms`, (of) => step(of)?.p99, 1],
      ];
    }),
    ["many rooms: most messages/s in", (of) => bestIn(of.manyRooms?.ramp), 0],
    ["many rooms: messages/s with p99 < 50 ms", (of) => of.manyRooms?.ramp.within?.sent, 0],
    ["1,000 rooms of 10: most messages/s in", (of) => bestIn(of.manyRoomsLarge), 0],
    ["idle: gateway KB a connection", (of) => kilobytes(of.idle?.perConnection), 1],
    ["idle: NATS (Redis) KB a connection", (of) => kilobytes(brokerOf(of)), 1],
    ["idle: other services KB a connection", (of) => kilobytes(of.idle?.groups.services), 1],
    ["connect storm: connections/s", (of) => of.storm?.perSecond, 0],
    ["join storm: clients/s", (of) => of.joinStorm?.perSecond, 0],
    ["join storm: p99, ms", (of) => of.joinStorm?.p99, 0],
    ["join storm: CPU us a client, all processes", (of) => sum(of.joinStorm?.cpu), 0],
    ["open storm: % joined in 60 s", (of) => percent(of.openStorm?.joined), 1],
    ["open storm: 95 % joined after, s", (of) => of.openStorm?.until95 ?? undefined, 1],
    ["open storm: newcomer afterwards, ms", (of) => of.openStorm?.newcomerAfter ?? undefined, 0],
    ["open storm: idle 10 s later, % of a core", (of) => percent(sum(of.openStorm?.quiet)), 1],
    ["leave and return: refusals", (of) => of.leaveReturn?.refusals, 0],
    ["leave and return: p99, ms", (of) => of.leaveReturn?.p99, 0],
    ["joins: capacity/s", (of) => of.overloadJoins?.capacity, 0],
    ["joins overloaded: goodput, % of that", (of) => percent(of.overloadJoins?.share), 0],
    ["joins overloaded: normal again after, s", (of) => of.overloadJoins?.recovery ?? undefined, 1],
    ["messages: capacity/s", (of) => of.overloadMessages?.capacity, 0],
    ["messages overloaded: goodput, % of that", (of) => percent(of.overloadMessages?.share), 0],
    [
      "messages overloaded: normal again after, s",
      (of) => of.overloadMessages?.recovery ?? undefined,
      1,
    ],
    ["jitter: % delivered", (of) => percent(of.jitter?.delivered), 2],
    ["jitter: p99 of the replay, ms", (of) => of.jitter?.p99, 0],
    ["durable publish: acks/s", (of) => of.publish?.perSecond, 0],
    ["durable publish: p99, ms", (of) => of.publish?.p99, 1],
    ["all back: last has caught up after, ms", (of) => of.catchUp?.last, 0],
    ["churn: memory of the gateway, late / early", (of) => of.churn?.growth, 2],
  ];
  const lines = [
    `| | ${names.join(" | ")} |${names.length === 2 ? " ratio |" : ""}`,
    `|---|${names.map(() => "---:").join("|")}|${names.length === 2 ? "---:|" : ""}`,
  ];
  for (const [what, read, digits] of rows) {
    const values = names.map((name) => read(results[name]!));
    if (values.every((value) => value === undefined)) continue;
    const texts = values.map((value) =>
      value === undefined || Number.isNaN(value)
        ? "-"
        : digits === 0
        ? whole(value)
        : value.toFixed(digits)
    );
    const [first, second] = values;
    const ratio = names.length !== 2
      ? ""
      : first === undefined || !second
      ? " - |"
      : ` ${(first / second).toFixed(2)} |`;
    lines.push(`| ${what} | ${texts.join(" | ")} |${ratio}`);
  }
  return lines.join("\n");
}

/** Returns the messages per second that reached every member. */
function bestIn(ramp: Ramp | undefined): number | undefined {
  if (ramp === undefined) return undefined;
  return ramp.best.deliveries / ramp.fanOut;
}

function brokerOf({ idle }: TargetResults): number | undefined {
  return idle?.groups.nats ?? idle?.groups.redis;
}

function sum(usage: Usage | undefined): number | undefined {
  return usage && Object.values(usage).reduce((total, part) => total + part, 0);
}

function percent(share: number | undefined): number | undefined {
  return share === undefined ? undefined : share * 100;
}

function kilobytes(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 1_024;
}
