/**
 * Typed messaging over the bus: serve endpoints, publish and subscribe to events. Every payload is parsed
 * by its schema before use. The trace context travels in headers. Requests are in `requests.ts`.
 *
 * @module
 */
import type { Msg, Subscription } from "@nats-io/transport-node";
import type * as z from "zod";
import {
  describeIssue,
  type Endpoint,
  ERROR_NUMBERS,
  type Fault,
  HEADERS,
  isDelivery,
  isInbox,
  subjectWithoutUser,
} from "../contract/mod.ts";
import { type Bus, createHeaders } from "./bus.ts";
import { EncodedReply } from "./encoded_reply.ts";
import { FaultError, faultOf } from "./fault_error.ts";
import {
  type Context,
  contextOf,
  natsAttributes,
  ROOT_CONTEXT,
  SpanKind,
  startHop,
  traceparentOf,
} from "./hop.ts";
import { errorText } from "./log.ts";
import { addEndpoint } from "./micro/micro_service.ts";
import { processDurations } from "./telemetry/operation_durations.ts";

/**
 * Most requests that one endpoint handles concurrently. It refuses any further request with
 * `unavailable`.
 */
const MAX_REQUESTS_IN_FLIGHT = 4_096;

/** What a handler receives beside the request or event. */
export interface MessageInfo {
  /** The trace context: that of the hop that serves the request, or of the event's publisher. */
  context: Context;
  /** The subject that the message was published on. */
  subject: string;
  /** The stream sequence of an event that the server republished; otherwise 0. */
  sequence: number;
}

/**
 * Serves an endpoint as one member of the queue group `queue`. A request that does not match the
 * schema is refused with `invalid_format`. A FaultError that the handler throws becomes the
 * refusal. Any other error is logged and becomes `unavailable`. A request whose reply would go to
 * anything but an inbox is ignored.
 *
 * @returns the subscription; unsubscribe to stop serving
 */
export function serve<Request, Reply>(
  bus: Bus,
  endpoint: Endpoint<Request, Reply>,
  queue: string,
  handle: (
    request: Request,
    info: MessageInfo,
  ) => Reply | EncodedReply | Promise<Reply | EncodedReply>,
): Subscription {
  let inFlight = 0;
  const durations = processDurations(endpoint.subject);
  const stats = addEndpoint(bus, endpoint.subject, queue);
  const answered = (began: number, refusal?: Fault) => {
    const milliseconds = performance.now() - began;
    durations.record(milliseconds / 1_000, refusal?.code);
    stats.answered(milliseconds, refusal);
  };
  const answer = async (message: Msg) => {
    const began = performance.now();
    const hop = startHop(
      `process ${endpoint.subject}`,
      SpanKind.SERVER,
      contextOf(message.headers?.get(HEADERS.traceparent)),
      natsAttributes("process", endpoint.subject),
    );
    try {
      if (inFlight >= MAX_REQUESTS_IN_FLIGHT) {
        // Spread, so that clients that are refused together do not retry together.
        throw new FaultError("unavailable", "overloaded", 500 + Math.floor(Math.random() * 1_000));
      }
      inFlight++;
      try {
        const request = parsePayload(endpoint.request, message);
        const { subject } = message;
        const reply = await handle(request, { context: hop.context, subject, sequence: 0 });
        message.respond(reply instanceof EncodedReply ? reply.json : JSON.stringify(reply));
      } finally {
        inFlight--;
      }
      hop.end();
      answered(began);
    } catch (error) {
      if (!(error instanceof FaultError)) {
        const { subject } = message;
        bus.log.error("a request failed", { subject, error: errorText(error) }, hop.context);
      }
      const refusal = faultOf(error);
      refuse(message, refusal);
      hop.end(refusal.code);
      answered(began, refusal);
    }
  };
  const subscription = bus.nats.subscribe(endpoint.subject, {
    queue,
    callback: (error, message) => {
      if (error !== null) return;
      if (isInbox(message.reply)) void answer(message);
      else bus.log.debug("ignored a request: its reply is no inbox", { subject: message.subject });
    },
  });
  void subscription.closed.then(stats.forget);
  return subscription;
}

function refuse(message: Msg, refusal: Fault): void {
  const headers = createHeaders();
  headers.set(HEADERS.error, refusal.message.replace(/[\r\n]+/g, " "));
  headers.set(HEADERS.errorNumber, String(ERROR_NUMBERS[refusal.code]));
  headers.set(HEADERS.errorCode, refusal.code);
  if (refusal.retryAfter !== undefined) {
    headers.set(HEADERS.retryAfter, String(refusal.retryAfter));
  }
  try {
    message.respond("", { headers });
  } catch {
    // The connection is closing. The requester notices by its own timeout.
  }
}

function parsePayload<T>(schema: z.ZodType<T>, message: Msg): T {
  let value: unknown;
  try {
    value = message.json();
  } catch {
    throw new FaultError("invalid_format", "not JSON");
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new FaultError("invalid_format", describeIssue(parsed.error));
  return parsed.data;
}

/**
 * Subscribes to events. An event that does not match the schema is logged and ignored. What a
 * consumer of a stream delivers to the subject is no event.
 * @returns the subscription; unsubscribe to stop listening
 */
export function subscribe<Event>(
  bus: Bus,
  subject: string,
  schema: z.ZodType<Event>,
  handle: (event: Event, info: MessageInfo) => void,
): Subscription {
  return bus.nats.subscribe(subject, {
    callback: (error, message) => {
      // A status is what NATS itself says, for example that nobody answers.
      const isStatus = message.data.length === 0 && (message.headers?.code ?? 0) > 0;
      if (error !== null || isStatus || isDelivery(message.reply)) return;
      const { subject, headers } = message;
      const context = contextOf(headers?.get(HEADERS.traceparent));
      try {
        handle(parsePayload(schema, message), {
          subject,
          context,
          // The last one: NATS adds its own after what the publisher set.
          sequence: Number(headers?.last(HEADERS.sequence) || 0),
        });
      } catch (failure) {
        const error = errorText(failure);
        bus.log.warn(
          "ignored an invalid event",
          { subject: subjectWithoutUser(subject), error },
          context,
        );
      }
    },
  });
}

/**
 * Publishes an event under a trace context.
 *
 * @throws {FaultError} `unavailable` if NATS is disconnected or too slow to accept it
 */
export function publish<Event>(
  bus: Bus,
  subject: string,
  event: Event,
  context: Context = ROOT_CONTEXT,
): void {
  const traceparent = traceparentOf(context);
  const headers = createHeaders();
  if (traceparent !== undefined) headers.set(HEADERS.traceparent, traceparent);
  if (!bus.send(subject, JSON.stringify(event), { headers })) {
    throw new FaultError("unavailable", undefined, 1_000);
  }
}
