/**
 * What clients may ask of traces: that a frame is recorded whatever the ratio, or is part of their own
 * trace.
 *
 * @module
 */
import { grantsAnywhere } from "../../../contract/mod.ts";
import {
  type Context,
  contextOf,
  FaultError,
  isChosen,
  isSampled,
  recordedRoot,
  ROOT_CONTEXT,
  traceIdOf,
  withSampled,
} from "../../../kit/mod.ts";
import type { TraceBudget } from "../quotas/trace_budget.ts";
import type { Session } from "../session.ts";
import { requireRight } from "./rights.ts";

/** What a frame says about its trace. */
export interface TraceRequest {
  traceparent?: string | undefined;
  trace?: boolean | undefined;
}

/**
 * Returns the parent of the hops of a frame in a room: the root context if it asks for nothing.
 *
 * @throws {FaultError} `room_not_found`, or `forbidden` without the right `trace`; `rate_limited` or
 * `unavailable` if too much is traced already
 */
export function roomTrace(
  budget: TraceBudget,
  session: Session,
  room: string,
  request: TraceRequest,
): Context {
  if (request.trace === true) {
    requireRight(session, room, "trace");
    return forcedTrace(budget, session, request.traceparent);
  }
  if (request.traceparent === undefined) return ROOT_CONTEXT;
  const may = session.rooms.get(room)?.grant.rights.includes("trace") === true;
  return clientTrace(budget, session, request.traceparent, may);
}

/**
 * Returns the parent of the hops of a call.
 *
 * @throws {FaultError} `forbidden` if the client has the right `trace` nowhere; `rate_limited` or
 * `unavailable` if too much is traced already
 */
export function callTrace(budget: TraceBudget, session: Session, request: TraceRequest): Context {
  if (request.trace === true) {
    if (!tracesAnywhere(session)) {
      throw new FaultError("forbidden", "no right to trace in any room");
    }
    return forcedTrace(budget, session, request.traceparent);
  }
  if (request.traceparent === undefined) return ROOT_CONTEXT;
  return clientTrace(budget, session, request.traceparent, tracesAnywhere(session));
}

/** Whether the client has the right `trace` by its claim, or in a room that it is in. */
export function tracesAnywhere(session: Session): boolean {
  const claim = session.identity?.rooms ?? null;
  if (claim !== null) return grantsAnywhere(claim, "trace");
  // Without a claim the rules of the rooms decide.
  for (const { grant } of session.rooms.values()) if (grant.rights.includes("trace")) return true;
  return false;
}

const NOTHING = {};

/** Returns what an answer says of the trace: nothing if the frame asked for none. */
export function traceAnswer(request: TraceRequest, context: Context): { traceId?: string } {
  if (request.trace !== true && request.traceparent === undefined) return NOTHING;
  return { traceId: traceIdOf(context) };
}

/** What the ratio chooses is recorded without a wish. Only what is recorded beyond it is limited. */
function forcedTrace(budget: TraceBudget, session: Session, traceparent?: string): Context {
  if (!isChosen()) {
    const refusal = budget.take(session.allowance.account, performance.now());
    if (refusal !== null) throw FaultError.from(refusal);
  }
  return traceparent === undefined ? recordedRoot() : contextOf(withSampled(traceparent, true));
}

/** The sampled flag of a client counts if the client may trace. Otherwise the ratio decides. */
function clientTrace(
  budget: TraceBudget,
  session: Session,
  traceparent: string,
  may: boolean,
): Context {
  const sampled = isSampled(traceparent) && (isChosen() ||
    (may && budget.take(session.allowance.account, performance.now()) === null));
  return contextOf(sampled ? traceparent : withSampled(traceparent, false));
}
