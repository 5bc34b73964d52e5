import assert from "node:assert/strict";
import type { TraceSpan } from "../../../contract/telemetry/monitor_api.ts";
import { waterfallOf } from "./waterfall.ts";

const span = (spanId: string, parentId: string | null, start: number, duration: number) => ({
  spanId,
  parentId,
  name: spanId,
  hop: null,
  service: "gateway",
  instance: "1",
  start,
  duration,
  error: null,
  attributes: {},
} satisfies TraceSpan);

const drawn = (spans: TraceSpan[]) =>
  waterfallOf(spans).rows.map(({ span, depth, offset, length }) => [
    span.name,
    depth,
    offset,
    length,
  ]);

Deno.test("children follow their parent, siblings stand by their start", () => {
  assert.deepEqual(
    drawn([span("c", "a", 60, 40), span("b", "a", 20, 30), span("a", null, 0, 50)]),
    [["a", 0, 0, 0.5], ["b", 1, 0.2, 0.3], ["c", 1, 0.6, 0.4]],
  );
});

Deno.test("a span whose parent is elsewhere is a root, and no circle loops", () => {
  assert.deepEqual(drawn([span("a", "gone", 0, 10)]), [["a", 0, 0, 1]]);
  const circle = drawn([span("a", "b", 0, 10), span("b", "a", 0, 10), span("c", "c", 0, 10)]);
  assert.deepEqual(circle.map(([name]) => name).sort(), ["a", "b", "c"]);
  assert.deepEqual(waterfallOf([]).rows, []);
  assert.deepEqual(drawn([span("a", null, 5, 0)]), [["a", 0, 0, 0]]);
});
