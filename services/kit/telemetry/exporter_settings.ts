/**
 * Where and how a service itself exports histograms and spans: from the variables of OpenTelemetry, which Deno reads by itself.
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
const TRANSPORT = ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"];

/** What is exported, as it stands in the names of variables. */
export type Signal = "METRICS" | "TRACES";

/**
 * Returns the settings that `get` gives, or null where Deno's own exporter has to do it: another protocol
 * than HTTP, another temporality than cumulative, certificates, no endpoint, or an invalid one.
 */
export function exporterSettings(
  get: (name: string) => string | undefined,
  signal: Signal,
): ExporterSettings | null {
  /** A variable of the signal goes before that of all signals. */
  const either = (name: string) =>
    get(`OTEL_EXPORTER_OTLP_${signal}_${name}`) || get(`OTEL_EXPORTER_OTLP_${name}`);
  const protocol = either("PROTOCOL") || "http/protobuf";
  if (protocol !== "http/protobuf" && protocol !== "http/json") return null;
  const temporality = get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE") || "cumulative";
  if (signal === "METRICS" && temporality.toLowerCase() !== "cumulative") return null;
  if (get("OTEL_DENO_VSOCK") || TRANSPORT.some((name) => either(name))) return null;
  const url = endpointOf(
    get(`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`),
    get("OTEL_EXPORTER_OTLP_ENDPOINT"),
    signal,
  );
  const headers = new Headers();
  try {
    for (const name of ["HEADERS", `${signal}_HEADERS`]) {
      for (const [key, value] of pairsOf(get(`OTEL_EXPORTER_OTLP_${name}`))) {
        headers.set(key, value);
      }
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

function endpointOf(
  own: string | undefined,
  ofAll: string | undefined,
  signal: Signal,
): string | null {
  const text = own || (ofAll ? `${ofAll.replace(/\/$/, "")}/v1/${signal.toLowerCase()}` : "");
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
