import assert from "node:assert/strict";
import type { Overview, TraceSpan } from "../../../contract/telemetry/monitor_api.ts";
import { partsOf, typicalParts } from "./delivery.ts";

const hop = (
  name: string,
  parentId: string | null,
  start: number,
  duration: number,
  attributes: TraceSpan["attributes"] = {},
): TraceSpan => ({
  spanId: `${name}${start}`,
  parentId,
  name,
  hop: name,
  service: "gateway",
  instance: "1",
  start,
  duration,
  error: null,
  attributes,
});

/** To two gateways: the second one is later. */
const SPANS = (attributes: TraceSpan["attributes"] = {}) => [
  hop("edge.receive", null, 0, 10),
  hop("bus.store", "edge.receive0", 10, 40),
  hop("bus.deliver", "bus.store10", 30, 5, attributes),
  hop("edge.fanout", "bus.deliver30", 35, 1),
  hop("bus.deliver", "bus.store10", 31, 20, attributes),
  hop("edge.queue", "bus.deliver31", 51, 2),
  hop("edge.fanout", "edge.queue51", 53, 7),
  hop("archive.wait", "bus.store10", 30, 500),
];

Deno.test("the parts of a message tile the way to its last member", () => {
  const parts = partsOf(SPANS());
  assert.deepEqual(parts.map(({ hop, duration }) => [hop, duration]), [
    ["edge.receive", 10],
    // Until it is stored: its acknowledgement takes longer, but nobody waits for that.
    ["bus.store", 21],
    ["bus.deliver", 20],
    ["edge.queue", 2],
    ["edge.fanout", 7],
  ]);
  assert.equal(parts.reduce((sum, { duration }) => sum + duration, 0), 60);
});

Deno.test("a message that was screened has one more part", () => {
  const parts = partsOf([
    hop("edge.receive", null, 0, 10),
    hop("screen", "edge.receive0", 10, 30),
    hop("bus.store", "screen10", 40, 20),
    hop("edge.fanout", "bus.store40", 50, 5),
  ]);
  assert.deepEqual(parts.map(({ hop, duration }) => [hop, duration]), [
    ["edge.receive", 10],
    ["screen", 30],
    ["bus.store", 10],
    ["edge.fanout", 5],
  ]);
});

Deno.test("what bus.deliver includes does not count twice, and nothing loops", () => {
  const parts = partsOf(SPANS({ "hopwire.includes_store": true }));
  assert.deepEqual(parts.map(({ hop }) => hop), [
    "edge.receive",
    "bus.deliver",
    "edge.queue",
    "edge.fanout",
  ]);
  assert.deepEqual(partsOf([]), []);
  assert.equal(partsOf([hop("edge.fanout", "edge.fanout3", 3, 1)]).length, 1);
});

Deno.test("medians are at most the whole", () => {
  const overview = (version: string) =>
    ({
      delivery: { p50: 30 },
      hops: [["edge.receive", 2], ["bus.store", 25], ["bus.deliver", 12], ["edge.fanout", 1]]
        .map(([hop, p50]) => ({ hop, p50 })),
      nats: { version },
    }) as unknown as Overview;
  const parts = (version: string) =>
    typicalParts(overview(version)).map(({ hop, duration }) => [hop, duration]);
  assert.deepEqual(parts("2.15.1"), [
    ["edge.receive", 2],
    ["bus.store", 15],
    ["bus.deliver", 12],
    ["edge.fanout", 1],
  ]);
  assert.deepEqual(parts("2.9.10"), [["edge.receive", 2], ["bus.deliver", 12], ["edge.fanout", 1]]);
});
