/** The spans that services export by themselves are OTLP, in both encodings. */
import assert from "node:assert/strict";
import { encodeSpansJson, encodeSpansProtobuf } from "../../kit/telemetry/otlp_spans.ts";
import { decode } from "./decode.ts";

Deno.test("a span of a service arrives with the ids that were given", () => {
  const span = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "00ad6b71692033f1",
    name: "client.send",
    from: 1_795_630_706_000_123,
    to: 1_795_630_706_030_123,
    attributes: { "hopwire.hop": "client.send", "hopwire.room": "räume.a", reconstructed: true },
  };
  const content = {
    resource: { "service.name": "hopwire-gateway", "service.instance.id": "gateway-2" },
    spans: [span, { ...span, spanId: "b7ad6b7169203331" }],
  };
  const json = new TextEncoder().encode(encodeSpansJson(content));
  const fromJson = decode("traces", "json", json);
  const fromProtobuf = decode("traces", "protobuf", encodeSpansProtobuf(content));
  assert.deepEqual(fromProtobuf, fromJson);
  const [first, second, ...others] = fromJson.spans!;
  assert.equal(others.length, 0);
  assert.equal(second!.spanId, "b7ad6b7169203331");
  const { traceId, spanId, parentId, name, service, instance, start, duration, attributes } =
    first!;
  assert.deepEqual(
    { traceId, spanId, parentId, name, service, instance, start, duration, attributes },
    {
      ...{ traceId: span.traceId, spanId: span.spanId, parentId: null, name: span.name },
      ...{ service: "gateway", instance: "gateway-2", start: span.from, duration: 30_000 },
      attributes: span.attributes,
    },
  );
});
