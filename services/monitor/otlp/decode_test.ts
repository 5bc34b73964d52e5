/** OTLP in both encodings is the same to monitor, and what is no OTLP is refused with a reason. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { decode, DecodeError, encodingOf, type Signal } from "./decode.ts";
import type { Metric } from "./model.ts";
import { encodeRequest } from "./protobuf.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const SPAN_ID = "b7ad6b7169203331";

const resource = {
  attributes: [
    { key: "service.name", value: { stringValue: "hopwire-gateway" } },
    { key: "service.instance.id", value: { stringValue: "gateway-2" } },
  ],
};

/** A request in JSON, as OpenTelemetry writes it. */
const traces = {
  resourceSpans: [{
    resource,
    scopeSpans: [{
      scope: { name: "hopwire" },
      spans: [{
        traceId: TRACE_ID,
        spanId: SPAN_ID,
        parentSpanId: "",
        name: "edge.receive",
        kind: 2,
        startTimeUnixNano: "1795630705590876000",
        endTimeUnixNano: "1795630705591000000",
        attributes: [
          { key: "hopwire.hop", value: { stringValue: "edge.receive" } },
          { key: "hopwire.seq", value: { intValue: "9007199254740000" } },
          { key: "hopwire.slow", value: { boolValue: true } },
          { key: "share", value: { doubleValue: 0.5 } },
          { key: "unknown", value: { doubleValue: "NaN" } },
          { key: "list", value: { arrayValue: { values: [] } } },
        ],
        status: { code: 2, message: "rate_limited" },
      }, {
        traceId: "00000000000000000000000000000000",
        spanId: SPAN_ID,
        name: "without an id",
        startTimeUnixNano: "1",
        endTimeUnixNano: "2",
      }],
    }],
  }],
};

const metrics = {
  resourceMetrics: [{
    resource,
    scopeMetrics: [{
      metrics: [{
        name: "hopwire.hop.duration",
        unit: "s",
        description: "How long",
        histogram: {
          aggregationTemporality: 2,
          dataPoints: [{
            attributes: [{ key: "hop", value: { stringValue: "call" } }],
            startTimeUnixNano: "1795630705000000000",
            timeUnixNano: "1795630706000000000",
            count: "5",
            sum: 1.5,
            bucketCounts: ["1", "4", "0"],
            explicitBounds: [0.1, 1],
          }],
        },
      }, {
        name: "hopwire.joins",
        sum: {
          aggregationTemporality: 2,
          isMonotonic: true,
          dataPoints: [{ asInt: "7" }],
        },
      }, {
        name: "up.and.down",
        sum: { aggregationTemporality: 2, isMonotonic: false, dataPoints: [{ asDouble: -2 }] },
      }, {
        name: "hopwire.rooms",
        gauge: { dataPoints: [{ asDouble: 3 }] },
      }, {
        name: "not kept",
        summary: { dataPoints: [] },
      }],
    }],
  }],
};

const logs = { resourceLogs: [{ resource, scopeLogs: [] }] };

const json = (content: unknown) => new TextEncoder().encode(JSON.stringify(content));

/** Ids are bytes in protobuf, and hex in OTLP's JSON. */
function withBytes(content: unknown): unknown {
  if (Array.isArray(content)) return content.map(withBytes);
  if (content === null || typeof content !== "object") return content;
  return Object.fromEntries(
    Object.entries(content).map(([key, value]) => [
      key,
      /^(trace|span|parentSpan)Id$/.test(key)
        ? Uint8Array.fromHex(value as string)
        : withBytes(value),
    ]),
  );
}

const both = (signal: Signal, content: object) => [
  decode(signal, "json", json(content)),
  decode(signal, "protobuf", encodeRequest(signal, withBytes(content) as object)),
];

Deno.test("spans are the same in both encodings", () => {
  for (const { spans } of both("traces", traces)) {
    assert.deepEqual(spans, [{
      service: "gateway",
      instance: "gateway-2",
      traceId: TRACE_ID,
      spanId: SPAN_ID,
      parentId: null,
      name: "edge.receive",
      start: 1_795_630_705_590_876,
      duration: 124,
      error: "rate_limited",
      attributes: {
        "hopwire.hop": "edge.receive",
        "hopwire.seq": 9_007_199_254_740_000,
        "hopwire.slow": true,
        share: 0.5,
        unknown: "NaN",
      },
    }]);
  }
});

Deno.test("metrics are the same in both encodings", () => {
  for (const { metrics: sets } of both("metrics", metrics)) {
    const [{ origin, metrics: found }] = sets as [NonNullable<typeof sets>[number]];
    assert.deepEqual(origin, { service: "gateway", instance: "gateway-2" });
    assert.deepEqual(found.map(({ name, kind, cumulative }) => [name, kind, cumulative]), [
      ["hopwire.hop.duration", "histogram", true],
      ["hopwire.joins", "counter", true],
      ["up.and.down", "gauge", true],
      ["hopwire.rooms", "gauge", true],
    ]);
    assert.deepEqual(found[0]!.points, [{
      attributes: { hop: "call" },
      start: 1_795_630_705_000_000,
      value: 1.5,
      bounds: [0.1, 1],
      buckets: [1, 4, 0],
    }]);
    assert.deepEqual(found.slice(1).map(({ points }) => points[0]!.value), [7, -2, 3]);
  }
});

Deno.test("logs are accepted, and nothing is kept of them", () => {
  for (const decoded of both("logs", logs)) assert.deepEqual(decoded, {});
});

Deno.test("what is no request of OTLP is refused, with a reason", () => {
  const text = (body: string) => new TextEncoder().encode(body);
  const cases: [Signal, "json" | "protobuf", Uint8Array<ArrayBuffer>, RegExp][] = [
    ["traces", "json", text("{"), /^the body is not JSON: /],
    ["traces", "json", new Uint8Array([0xff]), /^the body is not JSON: /],
    ["traces", "json", text("[]"), /^the body: /],
    ["traces", "json", json({ resourceSpans: 1 }), /^resourceSpans: /],
    [
      "traces",
      "json",
      json({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: "xy" }] }] }] }),
      /^resourceSpans\.0\.scopeSpans\.0\.spans\.0\.traceId: /,
    ],
    ["metrics", "json", json({ resourceMetrics: [{ scopeMetrics: "x" }] }), /scopeMetrics/],
    ["logs", "json", text("null"), /^the body: /],
    ["traces", "protobuf", text("{}"), /^the body is not a request of OTLP: /],
    ["metrics", "protobuf", new Uint8Array([10, 200, 1]), /^the body is not a request of OTLP: /],
  ];
  for (const [signal, encoding, body, message] of cases) {
    assert.throws(() => decode(signal, encoding, body), (error) => {
      assert.ok(error instanceof DecodeError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("an empty request is one", () => {
  assert.deepEqual(decode("traces", "json", json({})), { spans: [] });
  assert.deepEqual(decode("metrics", "protobuf", new Uint8Array()), { metrics: [] });
});

Deno.test("the content type tells the encoding", () => {
  assert.equal(encodingOf("application/x-protobuf"), "protobuf");
  assert.equal(encodingOf(" Application/JSON ; charset=utf-8"), "json");
  for (const other of [undefined, "", "text/plain", "application/jsonx"]) {
    assert.equal(encodingOf(other), undefined);
  }
});

Deno.test("long texts and many attributes are cut", () => {
  const attributes = Array.from({ length: 100 }, (_, index) => ({
    key: `key${index}`,
    value: { stringValue: "x".repeat(10_000) },
  }));
  const span = traces.resourceSpans[0]!.scopeSpans[0]!.spans[0]!;
  const request = {
    resourceSpans: [{ resource, scopeSpans: [{ spans: [{ ...span, attributes }] }] }],
  };
  for (const { spans } of both("traces", request)) {
    assert.equal(Object.keys(spans![0]!.attributes).length, 32);
    assert.equal(spans![0]!.attributes.key0, "x".repeat(512));
  }
});

Deno.test("names of metrics are cut, and spans with ids of another length left out", () => {
  const long = "x".repeat(10_000);
  const [about, dataPoints] = [{ name: long, unit: long, description: long }, [{ asInt: "1" }]];
  const request = {
    resourceMetrics: [{
      resource,
      scopeMetrics: [{ metrics: [{ ...about, gauge: { dataPoints } }] }],
    }],
  };
  for (const { metrics } of both("metrics", request)) {
    const [{ name, unit, description }] = metrics![0]!.metrics as [Metric];
    assert.deepEqual([name, unit, description].map((text) => text.length), [512, 512, 512]);
  }
  const span = traces.resourceSpans[0]!.scopeSpans[0]!.spans[0]!;
  const given = (traceId: number, spanId: number, parentSpanId: number) => ({
    ...span,
    traceId: new Uint8Array(traceId).fill(1),
    spanId: new Uint8Array(spanId).fill(1),
    parentSpanId: new Uint8Array(parentSpanId).fill(1),
  });
  const spans = [given(1_000, 8, 8), given(16, 1_000, 8), given(16, 8, 1_000)];
  const body = encodeRequest("traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] });
  const { spans: kept } = decode("traces", "protobuf", body);
  assert.deepEqual(kept!.map(({ parentId }) => parentId), [null]);
});

Deno.test("whatever bytes come, they are decoded or refused", () => {
  const signals = fc.constantFrom<Signal>("traces", "metrics", "logs");
  const valid = encodeRequest("traces", withBytes(traces) as object);
  const broken = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 5 }).map(
    (changes) => {
      const body = new Uint8Array(valid);
      for (const [index, byte] of changes) body[index] = byte;
      return body;
    },
  );
  const bodies = fc.oneof(fc.uint8Array({ maxLength: 200 }), broken);
  const texts = fc.json().map((text) => new TextEncoder().encode(text));
  const tryOne = (signal: Signal, encoding: "json" | "protobuf", body: Uint8Array) => {
    try {
      decode(signal, encoding, new Uint8Array(body));
    } catch (error) {
      assert.ok(error instanceof DecodeError, String(error));
    }
  };
  fc.assert(fc.property(signals, bodies, (signal, body) => tryOne(signal, "protobuf", body)), {
    numRuns: 1_000,
  });
  fc.assert(fc.property(signals, texts, (signal, body) => tryOne(signal, "json", body)));
});
