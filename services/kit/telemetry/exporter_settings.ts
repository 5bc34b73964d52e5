/**
 * Where and how histograms are exported: from the variables of OpenTelemetry, which Deno reads by itself.
 *
 * @module
 */
import type { Attributes } from "@opentelemetry/api";
import { isAllowed, RUNTIME, variable } from "../runtime.ts";

/** Where and how to export. */
export interface ExporterSettings {
  url: string;
  headers: Headers;
  /** JSON; otherwise protobuf. */
  json: boolean;
  timeoutMs: number;
  /** The attributes of this process. */
  resource: Attributes;
}

/** As OpenTelemetry's specification says. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** Variables of transports that only Deno's own exporter has. */
const TRANSPORT = [
  "OTEL_EXPORTER_OTLP_CERTIFICATE",
  "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
  "OTEL_EXPORTER_OTLP_CLIENT_KEY",
  "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE",
  "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE",
  "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY",
  "OTEL_DENO_VSOCK",
];

/**
 * Returns the settings that `get` gives, or null where Deno's own exporter has to do it: another protocol
 * than HTTP, another temporality than cumulative, certificates, no endpoint, or an invalid one.
 */
export function exporterSettings(
  get: (name: string) => string | undefined,
): ExporterSettings | null {
  /** A variable of metrics goes before that of all signals. */
  const either = (name: string) =>
    get(`OTEL_EXPORTER_OTLP_METRICS_${name}`) || get(`OTEL_EXPORTER_OTLP_${name}`);
  const protocol = either("PROTOCOL") || "http/protobuf";
  if (protocol !== "http/protobuf" && protocol !== "http/json") return null;
  const temporality = get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE") || "cumulative";
  if (temporality.toLowerCase() !== "cumulative") return null;
  if (TRANSPORT.some((name) => get(name))) return null;
  const url = endpointOf(
    get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
    get("OTEL_EXPORTER_OTLP_ENDPOINT"),
  );
  const headers = new Headers();
  try {
    for (const name of ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"]) {
      for (const [key, value] of pairsOf(get(name))) headers.set(key, value);
    }
  } catch {
    return null;
  }
  if (url === null) return null;
  const timeout = Number(either("TIMEOUT"));
  return {
    url,
    headers,
    json: protocol === "http/json",
    timeoutMs: timeout > 0 && timeout < 2 ** 31 ? timeout : DEFAULT_TIMEOUT_MS,
    resource: resourceOf(get),
  };
}

function endpointOf(ofMetrics: string | undefined, ofAll: string | undefined): string | null {
  const text = ofMetrics || (ofAll ? `${ofAll.replace(/\/$/, "")}/v1/metrics` : "");
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) ? url.href : null;
}

/** The attributes by which Deno's own exports name the process. */
function resourceOf(get: (name: string) => string | undefined): Attributes {
  const attributes: Attributes = {
    "service.name": "unknown_service",
    "process.runtime.name": RUNTIME.name,
    "process.runtime.version": RUNTIME.version,
    "telemetry.sdk.language": RUNTIME.language,
    "telemetry.sdk.name": "hopwire",
  };
  try {
    for (const [key, value] of pairsOf(get("OTEL_RESOURCE_ATTRIBUTES"))) attributes[key] = value;
  } catch {
    // Nothing that is malformed counts, as the specification says.
  }
  const name = get("OTEL_SERVICE_NAME");
  if (name) attributes["service.name"] = name;
  return attributes;
}

/** Reads `key=value,key=value`, with values in percent-encoding. Throws a URIError if one is malformed. */
function pairsOf(text: string | undefined): [string, string][] {
  return (text ?? "").split(",").flatMap((pair) => {
    const at = pair.indexOf("=");
    if (at <= 0) return [];
    return [[pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())]];
  });
}

/**
 * Returns the value of a variable of OpenTelemetry; undefined without permission to read it, because no
 * program may be asked or fail for its telemetry.
 */
export function readVariable(name: string): string | undefined {
  return isAllowed({ name: "env", variable: name }) ? variable(name) : undefined;
}

/** Whether this process may connect to the host of a URL. */
export function mayConnect(url: string): boolean {
  const { hostname, port, protocol } = new URL(url);
  const host = `${hostname}:${port || (protocol === "http:" ? 80 : 443)}`;
  return isAllowed({ name: "net", host });
}
