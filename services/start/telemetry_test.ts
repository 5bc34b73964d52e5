/** What services are told of telemetry: they send to monitor, and monitor to the user's collector. */
import assert from "node:assert/strict";
import { SERVICES } from "./flags.ts";
import { telemetryEnvironment, withInstance } from "./telemetry.ts";

const COLLECTOR = "https://collector.example:4318";
const MONITOR = "http://127.0.0.1:8090";
const given = {
  PATH: "/bin",
  OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR,
  OTEL_EXPORTER_OTLP_HEADERS: "authorization=x",
  OTEL_BSP_SCHEDULE_DELAY: "9",
};

Deno.test("with monitor every service sends to it, and it knows the collector", () => {
  for (const service of SERVICES) {
    const env: Record<string, string> = telemetryEnvironment(service, given, 8090);
    assert.equal(env.OTEL_EXPORTER_OTLP_ENDPOINT, MONITOR);
    assert.equal(env.OTEL_EXPORTER_OTLP_HEADERS, "", "the collector's secret is monitor's alone");
    assert.equal(env.OTEL_SERVICE_NAME, `hopwire-${service}`);
    assert.equal(env.OTEL_DENO, "true");
    assert.equal(env.OTEL_BSP_SCHEDULE_DELAY, "9");
    assert.equal(env.PATH, undefined);
    const own = service === "monitor";
    assert.equal(
      env.OTEL_TRACES_SAMPLER,
      own ? "parentbased_always_off" : "parentbased_traceidratio",
    );
    assert.equal(env.MONITOR_FORWARD_URL, own ? COLLECTOR : undefined);
    assert.equal(env.MONITOR_FORWARD_HEADERS, own ? "authorization=x" : undefined);
  }
  assert.equal(telemetryEnvironment("monitor", {}, 8090).MONITOR_FORWARD_URL, undefined);
  assert.equal(telemetryEnvironment("auth", { OTEL_DENO: "false" }, 8090).OTEL_DENO, "false");
});

Deno.test("without monitor, or with a protocol that it does not receive, they send as the user says", () => {
  const cases: [Record<string, string>, number | undefined][] = [
    [given, undefined],
    [{ ...given, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, 8090],
  ];
  for (const [variables, port] of cases) {
    const env = telemetryEnvironment("gateway", variables, port);
    assert.equal(env.OTEL_EXPORTER_OTLP_ENDPOINT, COLLECTOR);
    assert.equal(env.OTEL_EXPORTER_OTLP_HEADERS, "authorization=x");
    assert.equal(env.OTEL_TRACES_SAMPLER, "parentbased_traceidratio");
  }
  assert.deepEqual(telemetryEnvironment("gateway", {}, undefined), {
    OTEL_SERVICE_NAME: "hopwire-gateway",
  });
});

Deno.test("each process has an id, beside the attributes of the user", () => {
  const idOf = (given?: string) =>
    withInstance(given === undefined ? {} : { OTEL_RESOURCE_ATTRIBUTES: given }, "gateway-2")
      .OTEL_RESOURCE_ATTRIBUTES;
  assert.equal(idOf(), "service.instance.id=gateway-2");
  assert.equal(idOf(""), "service.instance.id=gateway-2");
  assert.equal(idOf("a=b"), "a=b,service.instance.id=gateway-2");
  assert.equal(idOf("a=b,service.instance.id=c"), "a=b,service.instance.id=c");
});
