/**
 * One span and one duration for each request, by OpenTelemetry's conventions for HTTP servers.
 *
 * Deno itself measures `http.server.request.duration`, which knows no routes; so this metric has a name of its
 * own.
 *
 * @module
 */
import { context as active, trace } from "@opentelemetry/api";
import { TRACEPARENT_HEADER } from "./headers.ts";
import {
  type Attributes,
  clock,
  type Context,
  contextOf,
  type Duration,
  durations,
  type Hop,
  ROOT_CONTEXT,
  SpanKind,
  startHop,
  traceparentOf,
} from "../../kit/mod.ts";

const requests = durations("hopwire.api.request.duration");

/** What records, by route, status and error: there are few. */
const known = new Map<string, Duration>();

/** A request in progress. */
export interface RequestTrace {
  /** The parent of what the request does. */
  context: Context;
  /** Headers of the answer. */
  headers: Record<string, string>;
  /** Ends it. */
  end(status: number, error?: string): void;
}

/** Begins a request to a route. */
export function traceRequest(route: string, request: Request, receivedAt: number): RequestTrace {
  const given = contextOf(request.headers.get(TRACEPARENT_HEADER) ?? undefined);
  const hop: Hop = startHop(`POST ${route}`, SpanKind.SERVER, parentOf(given), {
    "http.request.method": "POST",
    "http.route": route,
    "url.path": route,
  }, clock.at(receivedAt));
  const traceparent = traceparentOf(hop.context);
  return {
    context: hop.context,
    headers: traceparent === undefined ? {} : { [TRACEPARENT_HEADER]: traceparent },
    end(status, error) {
      hop.span.setAttribute("http.response.status_code", status);
      // A refusal is the caller's error, not the server's.
      if (error !== undefined && status < 500) hop.span.setAttribute("error.type", error);
      hop.end(status >= 500 ? error : undefined);
      const key = `${route} ${status} ${error}`;
      let duration = known.get(key);
      if (duration === undefined) {
        known.set(key, duration = requests.of(attributesOf(route, status, error)));
      }
      duration.record((performance.now() - receivedAt) / 1_000);
    },
  };
}

/**
 * Deno has begun a span of its own for the request. In a trace of the caller it is the parent. Otherwise our
 * span begins a trace, so that TRACE_RATIO decides about it.
 */
function parentOf(given: Context): Context {
  if (given === ROOT_CONTEXT) return given;
  const own = trace.getSpanContext(active.active());
  const same = own !== undefined && own.traceId === trace.getSpanContext(given)?.traceId;
  return same ? active.active() : given;
}

function attributesOf(route: string, status: number, error: string | undefined): Attributes {
  return {
    "http.request.method": "POST",
    "http.route": route,
    "http.response.status_code": status,
    ...error === undefined ? {} : { "error.type": error },
  };
}
