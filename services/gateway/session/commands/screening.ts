/**
 * Screening: asks a service about messages before they are published. Messages of one session to one room
 * are decided in the order in which they came, whatever the order of the answers.
 *
 * @module
 */
import { type Screen, screenSubject, SPAN_ATTRIBUTES, Verdict } from "../../../contract/mod.ts";
import {
  type Bus,
  clock,
  type Context,
  errorText,
  FaultError,
  faultOf,
  type Hop,
  hopDurationsOf,
  LogThrottle,
  requestRaw,
  secondsBetween,
  SpanKind,
  startHop,
} from "../../../kit/mod.ts";
import type { Session } from "../session.ts";

/** Messages that may wait for one service to screen them. At 32 KiB each they take 64 MiB. */
const MAX_WAITING = 2_048;

/** What is to be screened. */
export interface ScreenRequest {
  session: Session;
  room: string;
  screen: Screen;
  /** The JSON of a `ScreenedMessage`. */
  payload: string;
  /** The trace of the message. */
  context: Context;
  /** The namespace of the room. */
  namespace: string | undefined;
}

/** What the service said: publish it, perhaps with another content. */
export interface Passed {
  /** Absent: the content as it is. */
  replacement?: { content: unknown };
  /** The context of the hops that follow. */
  context: Context;
}

/** Called once for each message, in order: with the error if it is refused. */
export type Decided = (passed: Passed | null, refusal: FaultError | null) => void;

/** Screens messages. */
export interface Screening {
  /**
   * Asks about a message.
   *
   * @throws {FaultError} `unavailable` if too many others wait
   */
  submit(request: ScreenRequest, decided: Decided): void;
}

/** A message whose turn has not come. */
interface Waiting {
  /** Decides it; undefined while there is no answer. */
  decide?: () => void;
}

/** Makes the screening of one gateway. */
export function createScreening(bus: Bus): Screening {
  /** The messages of each session and room, in the order in which they came. */
  const queues = new WeakMap<Session, Map<string, Waiting[]>>();
  const waiting = new Map<string, number>();
  const throttle = new LogThrottle();

  const ask = async ({ screen, payload }: ScreenRequest, context: Context): Promise<Verdict> => {
    try {
      const { service, timeoutMs: timeout } = screen;
      const options = { timeout, context, late: "timeout" as const };
      const reply = await requestRaw(bus, screenSubject(service), payload, options);
      return Verdict.parse(reply.json());
    } catch (error) {
      throttle.run((suppressed) => {
        const fields = { service: screen.service, error: errorText(error), suppressed };
        bus.log.warn("a message was not screened", fields, context);
      });
      if (screen.onFailure === "open") return { verdict: "accept" };
      throw new FaultError("unavailable", "the message could not be screened", 1_000);
    }
  };

  const outcomeOf = (verdict: Verdict, hop: Hop): Passed => {
    if (verdict.verdict === "refuse") throw new FaultError("forbidden", verdict.reason);
    const { context } = hop;
    return verdict.verdict === "accept"
      ? { context }
      : { context, replacement: { content: verdict.content } };
  };

  return {
    submit(request, decided) {
      const { session, room, screen: { service }, namespace } = request;
      const before = waiting.get(service) ?? 0;
      if (before >= MAX_WAITING) {
        throw new FaultError("unavailable", "too many messages wait to be screened", 1_000);
      }
      waiting.set(service, before + 1);
      let rooms = queues.get(session);
      if (rooms === undefined) queues.set(session, rooms = new Map());
      let queue = rooms.get(room);
      if (queue === undefined) rooms.set(room, queue = []);
      const one: Waiting = {};
      queue.push(one);

      const began = clock.now();
      const hop = startHop("screen", SpanKind.CLIENT, request.context, {
        [SPAN_ATTRIBUTES.hop]: "screen",
        [SPAN_ATTRIBUTES.room]: room,
        "rpc.service": service,
      }, began);
      const ended = (failure?: string) => {
        const now = clock.now();
        hop.end(failure, now);
        hopDurationsOf(namespace).record("screen", secondsBetween(began, now), failure);
      };
      const advance = () => {
        while (queue[0]?.decide !== undefined) queue.shift()!.decide!();
        if (queue.length === 0 && rooms.get(room) === queue) rooms.delete(room);
      };
      const answered = (decide: () => void) => {
        one.decide = () => {
          waiting.set(service, waiting.get(service)! - 1);
          decide();
        };
        advance();
      };
      ask(request, hop.context).then((verdict) => outcomeOf(verdict, hop)).then(
        (passed) =>
          answered(() => {
            ended();
            decided(passed, null);
          }),
        (error) =>
          answered(() => {
            ended(faultOf(error).code);
            decided(null, error instanceof FaultError ? error : new FaultError("unavailable"));
          }),
      );
    },
  };
}
