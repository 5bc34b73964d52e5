/** The metrics of the window: differences between exports, restarts, and bounds. */
import assert from "node:assert/strict";
import type { Metric, Origin, Point } from "../otlp/model.ts";
import { createMetricStore } from "./store.ts";

const STEP_US = 10e6;
const WINDOW_US = 60 * STEP_US;
const START = 1_795_630_700_000_000;

const GATEWAY: Origin = { service: "gateway", instance: "gateway" };

function storeAt() {
  let at = START;
  const store = createMetricStore({ windowUs: WINDOW_US, stepUs: STEP_US, now: () => at });
  return { store, wait: (seconds: number) => void (at += seconds * 1e6) };
}

const point = (more: Partial<Point>): Point => ({
  attributes: {},
  start: START,
  value: 0,
  bounds: [],
  buckets: [],
  ...more,
});

const metric = (kind: Metric["kind"], points: Partial<Point>[], more: Partial<Metric> = {}) => ({
  name: "m",
  unit: "s",
  description: "",
  kind,
  cumulative: true,
  points: points.map(point),
  ...more,
});

Deno.test("a counter is what it grew by, step by step", () => {
  const { store, wait } = storeAt();
  const send = (value: number) =>
    store.record({ origin: GATEWAY, metrics: [metric("counter", [{ value }])] });
  send(5);
  wait(2);
  send(7);
  const [series] = store.series("m");
  assert.equal(series!.rate, 1);
  assert.equal(series!.values.get(store.currentStep()), 7);
  wait(10);
  send(10);
  assert.equal(series!.values.get(store.currentStep()), 3);
  assert.equal(series!.last, 10);
  wait(600);
  assert.equal(series!.values.get(store.currentStep() - 60), 3);
});

Deno.test("what a process counted before monitor ran is in no step; what is new later is", () => {
  const { store, wait } = storeAt();
  const before = START - 3_600e6;
  const send = (points: Partial<Point>[]) =>
    store.record({ origin: GATEWAY, metrics: [metric("counter", points)] });
  send([{ value: 1_000, start: before }]);
  wait(2);
  send([
    { value: 1_004, start: before },
    { value: 3, start: before, attributes: { code: "new" } },
  ]);
  const [old, fresh] = store.series("m");
  assert.equal(old!.values.get(store.currentStep()), 4);
  assert.equal(fresh!.values.get(store.currentStep()), 3);
});

Deno.test("histograms may come by themselves, whenever: gauges stay, and so does the interval", () => {
  const { store, wait } = storeAt();
  const before = START - 3_600e6;
  const send = (count: number) => {
    store.record({ origin: GATEWAY, metrics: [metric("gauge", [{ value: 1 }])] });
    wait(0.5);
    const point = { value: count, start: before, buckets: [count, 0], bounds: [1] };
    const metrics = [metric("histogram", [point], { name: "h" })];
    store.record({ origin: GATEWAY, metrics });
    wait(4.5);
  };
  send(1_000);
  const [histogram] = store.series("h");
  const counted = () =>
    [0, 1, 2].reduce(
      (sum, ago) => sum + (histogram!.grown.get(store.currentStep() - ago)?.[0] ?? 0),
      0,
    );
  assert.equal(counted(), 0, "what was recorded before monitor ran is in no step");
  send(1_002);
  send(1_003);
  assert.equal(counted(), 3);
  const [process] = store.processes();
  assert.equal(process!.interval, 5e6);
  assert.equal(store.reported("m").length, 1);
  store.record({ origin: GATEWAY, metrics: [metric("gauge", [{ value: 1 }], { name: "other" })] });
  assert.equal(store.reported("m").length, 0);
});

Deno.test("a process that restarts counts from zero, and nothing is counted twice or less than zero", () => {
  const { store, wait } = storeAt();
  const send = (value: number, buckets: number[], start: number) =>
    store.record({
      origin: GATEWAY,
      metrics: [
        metric("counter", [{ value, start }]),
        metric("histogram", [{ value, start, buckets, bounds: [1, 2] }], { name: "h" }),
      ],
    });
  send(10, [5, 5, 0], START);
  wait(2);
  send(12, [6, 6, 0], START);
  wait(2);
  // It counted more than before already.
  send(20, [7, 6, 7], START + 3e6);
  wait(2);
  // It does not say when it began.
  send(1, [1, 0, 0], 0);
  const step = store.currentStep();
  assert.equal(store.series("m")[0]!.values.get(step), 12 + 20 + 1);
  assert.deepEqual([...store.series("h")[0]!.grown.get(step)!], [6 + 7 + 1, 6 + 6, 7]);
  assert.deepEqual([...store.series("h")[0]!.total], [1, 0, 0]);
});

Deno.test("deltas count as they are", () => {
  const { store, wait } = storeAt();
  const send = (value: number) =>
    store.record({
      origin: GATEWAY,
      metrics: [metric("counter", [{ value }], { cumulative: false })],
    });
  send(5);
  wait(2);
  send(3);
  const [series] = store.series("m");
  assert.equal(series!.values.get(store.currentStep()), 8);
  assert.equal(series!.last, 8);
});

Deno.test("a histogram whose buckets change begins anew", () => {
  const { store, wait } = storeAt();
  const send = (buckets: number[], bounds: number[]) =>
    store.record({ origin: GATEWAY, metrics: [metric("histogram", [{ buckets, bounds }])] });
  send([1, 2], [1]);
  wait(10);
  send([3, 3, 3], [1, 2]);
  wait(2);
  send([4, 3, 3], [1, 2]);
  const [series] = store.series("m");
  assert.deepEqual([...series!.grown.get(store.currentStep())!], [1, 0, 0]);
});

Deno.test("a gauge has its last value of a step, and its extremes; one not reported is gone", () => {
  const { store, wait } = storeAt();
  const send = (points: Partial<Point>[]) =>
    store.record({ origin: GATEWAY, metrics: [metric("gauge", points)] });
  for (const value of [3, 9, 1, 4]) {
    send([{ value }, { value: 1, attributes: { transport: "sse" } }]);
    wait(2);
  }
  const step = store.currentStep();
  const [series] = store.series("m");
  assert.equal(series!.values.get(step), 4);
  assert.equal(series!.least.get(step), 1);
  assert.equal(series!.most.get(step), 9);
  assert.equal(store.reported("m").length, 2);
  send([{ value: 5 }]);
  assert.deepEqual(store.reported("m").map(({ last }) => last), [5]);
});

Deno.test("processes of one service are told apart, and forgotten after the window", () => {
  const { store, wait } = storeAt();
  const send = (instance: string) =>
    store.record({
      origin: { service: "gateway", instance },
      metrics: [metric("gauge", [{ value: 1 }])],
    });
  send("a");
  wait(500);
  send("b");
  assert.deepEqual(store.processes().map(({ instance }) => instance), ["a", "b"]);
  wait(200);
  assert.deepEqual(store.processes().map(({ instance }) => instance), ["b"]);
});

Deno.test("the number of series and processes is bounded, and what is left out is counted", () => {
  const { store } = storeAt();
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ attributes: { user: `u${index}` }, value: 1 }));
  const record = (instance: string, metrics: Metric[]) =>
    store.record({ origin: { service: "gateway", instance }, metrics });
  assert.equal(record("a", [metric("counter", many(10_000))]), 2_000);
  // Those that are known go on.
  assert.equal(record("a", [metric("counter", many(8_000))]), 0);
  const bounds = [1, 2];
  const histograms = many(3_000).map((one) => ({ ...one, bounds, buckets: [1, 1, 1] }));
  assert.equal(record("b", [metric("histogram", histograms)]), 2_000);
  for (const instance of ["c", "d", "e"]) record(instance, [metric("counter", many(8_000))]);
  assert.equal(record("f", [metric("counter", many(100))]), 100);
  for (let index = 0; index < 250; index++) record(`p${index}`, []);
  assert.equal(record("one too many", [metric("counter", many(7))]), 7);
  const wide = { bounds: new Array(1_000).fill(1), buckets: [] };
  assert.equal(record("a", [metric("histogram", [wide], { name: "wide" })]), 1);
});

Deno.test("long attributes take more of the bound", () => {
  const { store } = storeAt();
  const text = "x".repeat(512);
  const attributes = Object.fromEntries(
    Array.from({ length: 31 }, (_, i) => [`${i}${text}`, text]),
  );
  const points = Array.from({ length: 300 }, (_, index) => ({
    attributes: { ...attributes, index: `${index}` },
  }));
  const kept = 300 - store.record({ origin: GATEWAY, metrics: [metric("gauge", points)] });
  // 32 KB each.
  assert.ok(kept > 50 && kept * 32 < 8_000, `${kept}`);
});
