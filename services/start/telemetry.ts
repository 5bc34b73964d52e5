/**
 * The OpenTelemetry variables of the services. Deno reads them itself, before any code runs, so
 * they have no schema. Services send to monitor, which sends on to the collector of the user.
 *
 * @module
 */
import type { VariableInfo } from "../kit/mod.ts";
import type { ServiceName } from "./flags.ts";

/** What the documentation says about them. */
export const TELEMETRY_VARIABLES = {
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    description:
      "A collector of yours that receives traces, metrics and logs: monitor sends on to it what it " +
      "gets. Without monitor the services send there themselves, or telemetry is off.",
    range: "a URL",
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    description: "Headers for that collector.",
    range: "name=value, separated by commas",
  },
  OTEL_DENO: {
    description: "Turns Deno's OpenTelemetry on.",
    range: "true, false",
    default: "true",
  },
  // Deno's own default ignores the decision of the parent span.
  OTEL_TRACES_SAMPLER: {
    description: "The sampler. This one keeps the decision of the parent span.",
    range: "a sampler of OpenTelemetry",
    default: "parentbased_traceidratio",
  },
  OTEL_TRACES_SAMPLER_ARG: {
    description: "The share of traces that the sampler keeps. `TRACE_RATIO` decides before it.",
    range: "0 to 1",
    default: "1",
  },
  // A collector that hangs delays the exit of a service by twice this time. With Deno's own default that is
  // 20 s.
  OTEL_EXPORTER_OTLP_TIMEOUT: {
    description: "How long an export may take.",
    unit: "ms",
    range: "a whole number",
    default: "1000",
  },
  // What monitor shows is never older. Deno's own default is a minute. Deno 2.9.6 does not exit at all when a
  // collector hangs and an export begins before the one before it was given up: measured with 2,500 and 2,000 ms.
  OTEL_METRIC_EXPORT_INTERVAL: {
    description: "How often metrics are exported. Keep this and the next one above twice " +
      "`OTEL_EXPORTER_OTLP_TIMEOUT`: otherwise a collector that hangs keeps services from exiting.",
    unit: "ms",
    range: "a whole number",
    default: "5000",
  },
  // Deno's own default is 5 s.
  OTEL_BSP_SCHEDULE_DELAY: {
    description: "How long spans wait for others to be exported with.",
    unit: "ms",
    range: "a whole number",
    default: "2500",
  },
} as const satisfies Record<string, VariableInfo>;

/** Protocols of OTLP that monitor receives. */
const PROTOCOLS: readonly (string | undefined)[] = ["http/protobuf", "http/json", undefined, ""];

/**
 * Returns the variables of a service: the `OTEL_` ones of `given`, with the defaults when telemetry is
 * on. `monitorPort` is that of monitor, if it runs.
 */
export function telemetryEnvironment(
  service: ServiceName,
  given: Record<string, string>,
  monitorPort: number | undefined,
): Record<string, string> {
  const own = Object.fromEntries(
    Object.entries(given).filter(([name]) => name.startsWith("OTEL_")),
  );
  const name = { OTEL_SERVICE_NAME: `hopwire-${service}` };
  const { OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_EXPORTER_OTLP_HEADERS: headers } = given;
  const toMonitor = monitorPort !== undefined &&
    PROTOCOLS.includes(given.OTEL_EXPORTER_OTLP_PROTOCOL);
  if (!toMonitor) return collector ? { ...DEFAULTS, ...own, ...name } : { ...own, ...name };
  const environment = {
    ...DEFAULTS,
    ...own,
    ...name,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${monitorPort}`,
    OTEL_EXPORTER_OTLP_HEADERS: "",
  };
  if (service !== "monitor") return environment;
  return {
    ...environment,
    // Of what monitor does itself nothing is traced. Otherwise each export would cause another one.
    OTEL_TRACES_SAMPLER: "parentbased_always_off",
    ...collector ? { MONITOR_FORWARD_URL: collector } : {},
    ...collector && headers ? { MONITOR_FORWARD_HEADERS: headers } : {},
  };
}

const DEFAULTS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries<VariableInfo>(TELEMETRY_VARIABLES)
    .flatMap(([name, { default: value }]) => value === undefined ? [] : [[name, value] as const]),
);

/** Returns an environment that tells the processes of a service apart in what they export. */
export function withInstance(
  environment: Record<string, string>,
  instance: string,
): Record<string, string> {
  const given = environment.OTEL_RESOURCE_ATTRIBUTES;
  if (/\bservice\.instance\.id=/.test(given ?? "")) return environment;
  const own = `service.instance.id=${instance}`;
  return { ...environment, OTEL_RESOURCE_ATTRIBUTES: given ? `${given},${own}` : own };
}
