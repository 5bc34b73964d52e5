/** What services export by themselves is OTLP, in both encodings. */
import assert from "node:assert/strict";
import { DURATION_BUCKETS } from "../../contract/mod.ts";
import { DurationHistogram } from "../../kit/telemetry/duration_histograms.ts";
import { encodeJson, encodeProtobuf } from "../../kit/telemetry/otlp_histograms.ts";
import { decode } from "./decode.ts";

Deno.test("histograms of services arrive as they were recorded", () => {
  const before = Date.now() * 1_000;
  const histogram = new DurationHistogram("hopwire.hop.duration", {
    unit: "s",
    description: "Wie lange – für einen Hop",
  });
  const ok = histogram.of({ hop: "call", namespace: "räume.>", outcome: "ok" });
  for (let i = 0; i < 300; i++) ok.record(0.0003);
  ok.record(60);
  histogram.of({ status: 500, share: 0.5, open: true }).record(0);
  histogram.of({ hop: "never" });
  const content = {
    resource: { "service.name": "hopwire-gateway", "service.instance.id": "gateway-2" },
    time: 1_795_630_706_000_000_000n,
    histograms: [histogram],
  };
  const json = new TextEncoder().encode(encodeJson(content));
  const fromJson = decode("metrics", "json", json);
  const fromProtobuf = decode("metrics", "protobuf", encodeProtobuf(content));
  assert.deepEqual(fromProtobuf, fromJson);
  const { origin, metrics } = fromProtobuf.metrics![0]!;
  assert.deepEqual(origin, { service: "gateway", instance: "gateway-2" });
  const { points, ...about } = metrics[0]!;
  assert.equal(about.description, "Wie lange – für einen Hop");
  const [first, second] = points;
  assert.deepEqual(first!.attributes, { hop: "call", namespace: "räume.>", outcome: "ok" });
  assert.deepEqual(first!.bounds, DURATION_BUCKETS);
  assert.ok(first!.start >= before && first!.start <= Date.now() * 1_000, `${first!.start}`);
  assert.deepEqual(second!.attributes, { status: "500", share: "0.5", open: "true" });
  assert.equal(points.length, 2);
});
