/**
 * The OpenTelemetry variables of the services. Deno reads them itself, before any code runs, so
 * they have no schema.
 *
 * @module
 */
import type { VariableInfo } from "../kit/mod.ts";

/** What the documentation says about them. */
export const TELEMETRY_VARIABLES = {
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    description:
      "The collector that receives traces, metrics and logs. Without it telemetry is off.",
    range: "a URL",
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
  // Deno's own default lets a collector that hangs delay the exit of a service by 20 s.
  OTEL_EXPORTER_OTLP_TIMEOUT: {
    description: "How long an export may take.",
    unit: "ms",
    range: "a whole number",
    default: "2000",
  },
} as const satisfies Record<string, VariableInfo>;

/** Returns the `OTEL_` variables of `given`, with the defaults when telemetry is on. */
export function telemetryEnvironment(given: Record<string, string>): Record<string, string> {
  const own = Object.entries(given).filter(([name]) => name.startsWith("OTEL_"));
  if (!given.OTEL_EXPORTER_OTLP_ENDPOINT) return Object.fromEntries(own);
  const defaults = Object.entries<VariableInfo>(TELEMETRY_VARIABLES)
    .flatMap(([name, { default: value }]) => value === undefined ? [] : [[name, value] as const]);
  return Object.fromEntries([...defaults, ...own]);
}
