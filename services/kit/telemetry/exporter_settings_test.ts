import assert from "node:assert/strict";
import { exporterSettings } from "./exporter_settings.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

function settings(variables: Record<string, string>) {
  const result = exporterSettings((name) => variables[name], "METRICS");
  return result && { ...result, headers: Object.fromEntries(result.headers) };
}

Deno.test("histograms go where Deno sends the other metrics, and by the same rules", () => {
  const resource = {
    "service.name": "unknown_service",
    "process.runtime.name": "deno",
    "process.runtime.version": Deno.version.deno,
    "telemetry.sdk.language": "deno-js",
    "telemetry.sdk.name": "hopwire",
  };
  assert.deepEqual(settings(ENDPOINT), {
    url: "http://collector:4318/v1/metrics",
    headers: {},
    json: false,
    timeoutMs: 10_000,
    resource,
  });
  assert.deepEqual(
    settings({
      OTEL_EXPORTER_OTLP_ENDPOINT: "https://collector/otlp/",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20x, x-tenant = 1",
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: "x-tenant=2",
      OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
      OTEL_SERVICE_NAME: "hopwire-gateway",
      OTEL_RESOURCE_ATTRIBUTES: "service.name=other,service.instance.id=gateway-1,a=b%2Cc",
    }),
    {
      url: "https://collector/otlp/v1/metrics",
      headers: { authorization: "Bearer x", "x-tenant": "2" },
      json: true,
      timeoutMs: 1_000,
      resource: {
        ...resource,
        "service.name": "hopwire-gateway",
        "service.instance.id": "gateway-1",
        a: "b,c",
      },
    },
  );
  const own = {
    ...ENDPOINT,
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "http/protobuf",
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://metrics:9090/api/otlp",
    OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: "500",
  };
  assert.equal(settings(own)?.url, "http://metrics:9090/api/otlp");
  assert.equal(settings(own)?.timeoutMs, 500);
});

Deno.test("spans go where Deno sends the others", () => {
  const variables: Record<string, string> = {
    ...ENDPOINT,
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://metrics:9090/api/otlp",
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "delta",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x-tenant=3",
  };
  const ofTraces = () => exporterSettings((name) => variables[name], "TRACES");
  assert.equal(ofTraces()?.url, "http://collector:4318/v1/traces");
  assert.equal(ofTraces()?.headers.get("x-tenant"), "3");
  variables.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT = "http://traces:4318/spans";
  assert.equal(ofTraces()?.url, "http://traces:4318/spans");
  variables.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL = "grpc";
  assert.equal(ofTraces(), null);
});

Deno.test("Deno exports histograms itself where only Deno can", () => {
  const cases: Record<string, string>[] = [
    {},
    { OTEL_EXPORTER_OTLP_ENDPOINT: "collector" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "file:///x" },
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "console" },
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "delta" },
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_CERTIFICATE: "/ca.pem" },
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: "a b=c" },
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: "a=%zz" },
  ];
  for (const variables of cases) assert.equal(settings(variables), null, JSON.stringify(variables));
});
