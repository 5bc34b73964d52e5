/**
 * Frames that are answered later: `history`, `presence` and `call`.
 *
 * @module
 */
import {
  allowsCall,
  type CallRequest,
  type ClientFrame,
  type ClientFrameOf,
  hasLoneSurrogate,
  type Identity,
  SPAN_ATTRIBUTES,
} from "../../../contract/mod.ts";
import {
  FaultError,
  faultOf,
  hopDurationsOf,
  SpanKind,
  startHop,
  withDeadline,
} from "../../../kit/mod.ts";
import type { HistoryReader } from "../../room/history_reader.ts";
import { encodeFrame, textFrame } from "../../wire/frame.ts";
import type { MemoryBudget } from "../../wire/memory_budget.ts";
import type { Calls } from "./calls.ts";
import { referenceOf } from "../refusals.ts";
import { PAGE_WAIT_MS, type PagePlace, type Pages } from "../quotas/pages.ts";
import type { TraceBudget } from "../quotas/trace_budget.ts";
import { requireRight } from "./rights.ts";
import type { Session } from "../session.ts";
import { callTrace, traceAnswer } from "./tracing.ts";

/** Requests (history, presence, calls) that one session may have under way. */
export const MAX_PENDING_ANSWERS = 16;

/** What requests need from the gateway. */
export interface RequestDeps {
  calls: Calls;
  history: HistoryReader;
  /** Places for pages of history, and what they may take with everything else that waits. */
  pages: Pages;
  memory: MemoryBudget;
  traces: TraceBudget;
}

/** Executes the frames that are answered later. Each throws a FaultError if it is refused at once. */
export interface Requests {
  /** Answers one page of a room's history. */
  history(session: Session, frame: ClientFrameOf<"history">): void;
  /** Answers one page of a room's members. */
  presence(session: Session, frame: ClientFrameOf<"presence">): void;
  /** Calls a service and answers its result. */
  call(session: Session, identity: Identity, frame: ClientFrameOf<"call">): void;
}

/** Makes the request commands of one gateway. */
export function createRequests(deps: RequestDeps): Requests {
  return {
    history: (session, frame) => answerLater(session, frame, () => history(deps, session, frame)),
    presence,
    call(session, identity, frame) {
      session.allowance.require("calls");
      answerLater(session, frame, () => call(deps, session, identity, frame));
    },
  };
}

/**
 * Runs `work`, whose failure becomes an `error` frame.
 *
 * @throws {FaultError} `rate_limited` if the session or its user awaits too many answers already
 */
function answerLater(session: Session, frame: ClientFrame, work: () => Promise<void>): void {
  if (session.pendingAnswers >= MAX_PENDING_ANSWERS) {
    const detail = `${MAX_PENDING_ANSWERS} answers are pending already`;
    throw new FaultError("rate_limited", detail, 100);
  }
  const ended = session.allowance.requestBegan();
  session.pendingAnswers++;
  work()
    .catch((error) => {
      const refusal = faultOf(error);
      if (refusal.code === "rate_limited") session.refuseViolation(refusal, referenceOf(frame));
      else session.refuse(refusal, referenceOf(frame));
    })
    .finally(() => {
      session.pendingAnswers--;
      ended();
    });
}

async function history(
  deps: RequestDeps,
  session: Session,
  frame: ClientFrameOf<"history">,
): Promise<void> {
  const { room: name } = frame;
  requireRight(session, name, "history");
  // Whoever does not read what it got takes no place from others.
  await readable(session);
  const place = await deps.pages.enter(session.allowance.account.key);
  try {
    session.allowance.require("history");
    await sendPage(deps, session, frame, place);
  } finally {
    place.sent();
    // The user's share is free again once the client has read the page.
    void session.peer.drained().then(() => place.leave());
  }
}

async function sendPage(
  deps: RequestDeps,
  session: Session,
  frame: ClientFrameOf<"history">,
  place: PagePlace,
): Promise<void> {
  const { room: name, before, after, epoch: of, limit, id } = frame;
  const { room } = requireRight(session, name, "history");
  // The page must include everything that this gateway has delivered.
  const upTo = room.head || undefined;
  const page = await deps.history.page({ room: name, before, after, epoch: of, limit, upTo });
  const messages = page.messages.map(({ seq, prev, ...event }) => ({
    type: "room-message",
    seq,
    prev,
    ...event,
  }));
  const { more, epoch } = page;
  const text = JSON.stringify({ type: "history", room: name, messages, more, epoch, id });
  session.allowance.charge("history", text.length);
  place.arrived(text.length);
  session.pageBytes += text.length;
  deps.memory.grew(text.length);
  try {
    // A page has up to 640 KiB and a client may await several: send one at a time.
    await readable(session);
    if (session.closed) return;
    // A renewed token, or a ban, may have taken the right away meanwhile.
    requireRight(session, name, "history");
    session.sendFrame(textFrame(text));
  } finally {
    session.pageBytes -= text.length;
  }
}

/**
 * Waits until the client has read what is queued for it.
 *
 * @throws {FaultError} `rate_limited` if it does not
 */
async function readable(session: Session): Promise<void> {
  const { peer } = session;
  const end = performance.now() + PAGE_WAIT_MS;
  while (peer.congested && !session.closed) {
    await withDeadline(
      peer.drained(),
      end - performance.now(),
      () => new FaultError("rate_limited", "read what is queued for you first", 1_000),
    );
  }
}

function presence(session: Session, frame: ClientFrameOf<"presence">): void {
  const { room, after, limit, id } = frame;
  const { room: joined } = requireRight(session, room, "presence");
  if (joined.presence === null) throw new FaultError("forbidden", `${room} has no presence`);
  // A page of members with their states may be as large as one of history.
  session.allowance.require("history");
  const page = encodeFrame({ type: "presence", room, ...joined.presence.page(after, limit), id });
  session.allowance.charge("history", page.wire.length);
  session.sendFrame(page);
}

async function call(
  { calls, traces }: RequestDeps,
  session: Session,
  { userId, username, rooms, calls: allowed }: Identity,
  frame: ClientFrameOf<"call">,
): Promise<void> {
  const { service, method, data = null, id, timeout } = frame;
  requireCall(session, frame);
  const began = performance.now();
  const hop = startHop("call", SpanKind.SERVER, callTrace(traces, session, frame), {
    [SPAN_ATTRIBUTES.hop]: "call",
    "hopwire.connection": session.id,
    "rpc.service": service,
    "rpc.method": method,
  });
  const ended = (failure?: string) => {
    hop.end(failure);
    hopDurationsOf().record("call", (performance.now() - began) / 1_000, failure);
  };
  try {
    const caller = { userId, username, rooms, calls: allowed };
    const payload = JSON.stringify({ data, ...caller } satisfies CallRequest);
    if (hasLoneSurrogate(payload)) {
      throw new FaultError("invalid_format", "data: a lone surrogate is not a character");
    }
    const { context } = hop;
    // A call that waits for its turn is not made for a token that was renewed without it.
    const wanted = () => !session.closed && allowsCall(session.identity!.calls, service, method);
    const reply = await calls.call({ service, method, payload, timeout, context }, wanted);
    requireCall(session, frame);
    let result: unknown = null;
    try {
      if (reply.data.length > 0) result = reply.json();
    } catch {
      throw new FaultError("service_failed", "its answer is not JSON");
    }
    session.send({ type: "result", id, data: result, ...traceAnswer(frame, context) });
    ended();
  } catch (error) {
    ended(faultOf(error).code);
    throw error;
  }
}

/** @throws {FaultError} `forbidden` if the session's present token does not allow the call */
function requireCall(session: Session, { service, method }: ClientFrameOf<"call">): void {
  if (allowsCall(session.identity!.calls, service, method)) return;
  throw new FaultError("forbidden", `no right to call ${service}.${method}`);
}
