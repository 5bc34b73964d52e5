/**
 * A receiver of OTLP over HTTP with JSON. It keeps the spans that services export.
 *
 * @module
 */
import * as z from "zod";

const Value = z.object({
  stringValue: z.string().optional(),
  intValue: z.union([z.string(), z.number()]).optional(),
  doubleValue: z.number().optional(),
  boolValue: z.boolean().optional(),
});
const Attributes = z.array(z.object({ key: z.string(), value: Value })).default([]);
const Traces = z.object({
  resourceSpans: z.array(z.object({
    resource: z.object({ attributes: Attributes }),
    scopeSpans: z.array(z.object({
      spans: z.array(z.object({
        traceId: z.string(),
        spanId: z.string(),
        parentSpanId: z.string().optional(),
        name: z.string(),
        kind: z.number(),
        startTimeUnixNano: z.union([z.string(), z.number()]),
        endTimeUnixNano: z.union([z.string(), z.number()]),
        attributes: Attributes,
      })),
    })),
  })),
});

/** A received span. */
export interface ReceivedSpan {
  service: string;
  process: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  /** OTLP's span kind: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  durationMs: number;
  /** Microseconds since 1970. */
  start: number;
  end: number;
  attributes: Record<string, string | number | boolean | undefined>;
}

/** A running receiver. */
export interface OtlpReceiver extends AsyncDisposable {
  readonly spans: ReceivedSpan[];
  /** Everything received, spans, metrics and logs, as text, by the last part of the path. */
  readonly bodies: Record<"traces" | "metrics" | "logs", string[]>;
  /** The variables that make a service export to this receiver, with all spans sampled. */
  readonly env: Record<string, string>;
}

/** Starts a receiver on a free port. */
export function startOtlpReceiver(): OtlpReceiver {
  const spans: ReceivedSpan[] = [];
  const bodies: OtlpReceiver["bodies"] = { traces: [], metrics: [], logs: [] };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const body = await request.json();
      const { pathname } = new URL(request.url);
      bodies[pathname.slice("/v1/".length) as keyof typeof bodies].push(JSON.stringify(body));
      if (pathname === "/v1/traces") {
        for (const { resource, scopeSpans } of Traces.parse(body).resourceSpans) {
          const about = plain(resource.attributes);
          for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
            spans.push({
              service: String(about["service.name"]),
              process: String(about["process.pid"] ?? about["service.instance.id"] ?? ""),
              traceId: span.traceId,
              spanId: span.spanId,
              parentSpanId: span.parentSpanId ?? "",
              name: span.name,
              kind: span.kind,
              durationMs: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) /
                1e6,
              start: Number(BigInt(span.startTimeUnixNano) / 1_000n),
              end: Number(BigInt(span.endTimeUnixNano) / 1_000n),
              attributes: plain(span.attributes),
            });
          }
        }
      }
      return Response.json({});
    },
  );
  return {
    spans,
    bodies,
    env: {
      OTEL_DENO: "true",
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "1",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
      OTEL_BSP_SCHEDULE_DELAY: "100",
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function plain(attributes: z.infer<typeof Attributes>): ReceivedSpan["attributes"] {
  return Object.fromEntries(attributes.map(({ key, value }) => [
    key,
    value.intValue === undefined
      ? value.stringValue ?? value.doubleValue ?? value.boolValue
      : Number(value.intValue),
  ]));
}
