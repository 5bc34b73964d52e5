/**
 * Requests over the bus. Replies are parsed by their schemas before use. The trace context travels in
 * headers.
 *
 * @module
 */
import { type Msg, NoRespondersError, TimeoutError } from "@nats-io/transport-node";
import {
  codeOfNumber,
  describeIssue,
  type Endpoint,
  type ErrorCode,
  ERRORS,
  HEADERS,
  type HopName,
  HOPS,
  isErrorCode,
  SPAN_ATTRIBUTES,
} from "../contract/mod.ts";
import { type Bus, createHeaders } from "./bus.ts";
import { FaultError, faultOf } from "./fault_error.ts";
import {
  type Context,
  natsAttributes,
  ROOT_CONTEXT,
  SpanKind,
  startHop,
  traceparentOf,
} from "./hop.ts";
import { hopDurationsOf } from "./telemetry/hop_durations.ts";
import { requestDurations } from "./telemetry/operation_durations.ts";

/** How long a request waits for its reply by default, milliseconds. */
const REQUEST_TIMEOUT_MS = 5_000;

/** Requests to these subjects are hops of their own. */
function hopOfSubject(subject: string): HopName | null {
  return Object.hasOwn(HOPS, subject) ? subject as HopName : null;
}

/**
 * Sends a request to an endpoint and returns the parsed reply.
 *
 * @param options.timeout how long to wait for the reply, milliseconds; 5,000 by default
 * @param options.context the trace context that the request belongs to
 *
 * @throws {FaultError} with the service's refusal; with `unavailable` if no service answers the
 * endpoint, NATS is disconnected, no reply arrives in time, or the reply does not match its schema
 */
export async function request<Request, Reply>(
  bus: Bus,
  endpoint: Endpoint<Request, Reply>,
  data: Request,
  options: { timeout?: number; context?: Context } = {},
): Promise<Reply> {
  const { subject } = endpoint;
  const hopName = hopOfSubject(subject);
  const hop = startHop(
    hopName ?? `request ${subject}`,
    SpanKind.CLIENT,
    options.context ?? ROOT_CONTEXT,
    {
      ...natsAttributes("request", subject),
      ...hopName === null ? {} : { [SPAN_ATTRIBUTES.hop]: hopName },
    },
  );
  const began = performance.now();
  const took = (failure?: string) => {
    const seconds = (performance.now() - began) / 1_000;
    requestDurations(subject).record(seconds, failure);
    if (hopName !== null) hopDurationsOf().record(hopName, seconds, failure);
  };
  try {
    const message = await requestRaw(bus, endpoint.subject, JSON.stringify(data), {
      timeout: options.timeout,
      context: hop.context,
    });
    const parsed = endpoint.reply.safeParse(message.json());
    if (!parsed.success) {
      const fields = { subject: endpoint.subject, error: describeIssue(parsed.error) };
      bus.log.error("a reply does not match its schema", fields, hop.context);
      throw new FaultError("unavailable", undefined, 1_000);
    }
    hop.end();
    took();
    return parsed.data;
  } catch (error) {
    const { code } = faultOf(error);
    hop.end(code);
    took(code);
    throw error;
  }
}

/**
 * Sends a request and returns the raw reply if it is not a refusal.
 *
 * @throws {FaultError} as {@link request} does
 */
export async function requestRaw(
  bus: Bus,
  subject: string,
  payload: string,
  options: {
    timeout?: number;
    context?: Context;
    /** Headers to send beside the trace context. */
    headers?: Record<string, string>;
    /** The error code if no service answers the subject; `unavailable` by default. */
    missing?: ErrorCode;
    /** The error code if no reply arrives in time; `unavailable` by default. */
    late?: ErrorCode;
  } = {},
): Promise<Msg> {
  if (!bus.connected) throw new FaultError("unavailable", undefined, 1_000);
  const headers = createHeaders();
  const traceparent = traceparentOf(options.context ?? ROOT_CONTEXT);
  if (traceparent !== undefined) headers.set(HEADERS.traceparent, traceparent);
  for (const [name, value] of Object.entries(options.headers ?? {})) headers.set(name, value);
  let message: Msg;
  try {
    message = await bus.nats.request(subject, payload, {
      timeout: options.timeout ?? REQUEST_TIMEOUT_MS,
      headers,
    });
  } catch (error) {
    if (error instanceof NoRespondersError || isNoResponders(error)) {
      throw new FaultError(
        options.missing ?? "unavailable",
        `no service answers ${subject}`,
        1_000,
      );
    }
    if (error instanceof TimeoutError) {
      throw new FaultError(
        options.late ?? "unavailable",
        `no reply from ${subject} in time`,
        1_000,
      );
    }
    throw new FaultError("unavailable", undefined, 1_000);
  }
  const refusal = message.headers?.get(HEADERS.error);
  const number = message.headers?.get(HEADERS.errorNumber);
  if (refusal || number) {
    const retryAfter = message.headers!.get(HEADERS.retryAfter);
    throw FaultError.from({
      code: refusalCode(message.headers?.get(HEADERS.errorCode), number),
      message: refusal || ERRORS.service_failed,
      ...(/^\d{1,9}$/.test(retryAfter) ? { retryAfter: Number(retryAfter) } : {}),
    });
  }
  return message;
}

/**
 * Returns the error code of a refusal. Services that know this protocol send it beside the number. Earlier
 * releases sent it instead of the number.
 */
function refusalCode(code: string | undefined, number: string | undefined): ErrorCode {
  for (const given of [code, number]) if (given && isErrorCode(given)) return given;
  return codeOfNumber(number ?? "");
}

function isNoResponders(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof NoRespondersError;
}
