/**
 * Asks a service about messages before they are published, where a namespace names it: for gateways, the HTTP
 * API, and services that post what others say.
 *
 * @module
 */
import { type Screen, screenSubject, SPAN_ATTRIBUTES, Verdict } from "../contract/mod.ts";
import type { Bus } from "./bus.ts";
import { FaultError, faultOf } from "./fault_error.ts";
import { type Context, type Hop, SpanKind, startHop } from "./hop.ts";
import { errorText } from "./log.ts";
import { LogThrottle } from "./log_throttle.ts";
import { requestRaw } from "./requests.ts";
import { clock, secondsBetween } from "./telemetry/clock.ts";
import { hopDurationsOf } from "./telemetry/hop_durations.ts";

/** Messages that may wait for one service to screen them. At 32 KiB each they take 64 MiB. */
const MAX_WAITING = 2_048;

/** A message that is to be screened. */
export interface ScreenRequest {
  /** Who screens, for how long, and what holds without an answer. */
  screen: Screen;
  /** The room of the message. */
  room: string;
  /** The JSON of a `ScreenedMessage`. */
  payload: string;
  /** The trace of the message. */
  context: Context;
  /** The namespace of the room. */
  namespace: string | undefined;
  /** How long whoever published the message waits, milliseconds; the timeout of `screen` by default. */
  timeLeft?: number;
}

/** What the service said: publish it, perhaps with another content. */
export interface Passed {
  /** Absent: the content as it is. */
  replacement?: { content: unknown };
  /** The context of the hops that follow. */
  context: Context;
}

/** A message that is being screened. */
export interface BeingScreened {
  /** Rejects with a FaultError if the message is refused or was not screened. */
  passed: Promise<Passed>;
  /** Ends the hop, and makes room for another message. To be called once, after `passed` has settled. */
  settle(failure?: string): void;
}

/** Screens messages. */
export interface Screener {
  /**
   * Asks about a message.
   *
   * @throws {FaultError} `unavailable` if too many others wait
   */
  begin(request: ScreenRequest): BeingScreened;
  /**
   * Asks about a message, and returns what is to be published.
   *
   * @throws {FaultError} `forbidden` if it is refused; `unavailable` if it was not screened and the
   * namespace is closed then, or too many others wait; `timeout` if there was too little time left
   */
  screen(request: ScreenRequest): Promise<Passed>;
}

/** Makes the screener of one process. */
export function createScreener(bus: Bus): Screener {
  const waiting = new Map<string, number>();
  const throttle = new LogThrottle();

  const ask = async (request: ScreenRequest, context: Context): Promise<Verdict> => {
    const { screen: { service, timeoutMs, onFailure }, payload, timeLeft = timeoutMs } = request;
    const timeout = Math.min(timeoutMs, timeLeft);
    try {
      const options = { timeout, context, late: "timeout" as const };
      const reply = await requestRaw(bus, screenSubject(service), payload, options);
      return Verdict.parse(reply.json());
    } catch (error) {
      throttle.run((suppressed) => {
        const fields = { service, error: errorText(error), suppressed };
        bus.log.warn("a message was not screened", fields, context);
      });
      // The service had less time than the namespace grants it, so that says nothing about it.
      if (timeout < timeoutMs && faultOf(error).code === "timeout") {
        throw new FaultError("timeout", "the message was not screened in time");
      }
      if (onFailure === "open") return { verdict: "accept" };
      throw new FaultError("unavailable", "the message could not be screened", 1_000);
    }
  };

  const begin = (request: ScreenRequest): BeingScreened => {
    const { room, screen: { service }, namespace } = request;
    const before = waiting.get(service) ?? 0;
    if (before >= MAX_WAITING) {
      throw new FaultError("unavailable", "too many messages wait to be screened", 1_000);
    }
    waiting.set(service, before + 1);
    const began = clock.now();
    const hop = startHop("screen", SpanKind.CLIENT, request.context, {
      [SPAN_ATTRIBUTES.hop]: "screen",
      [SPAN_ATTRIBUTES.room]: room,
      "rpc.service": service,
    }, began);
    return {
      passed: ask(request, hop.context).then((verdict) => outcomeOf(verdict, hop)),
      settle(failure) {
        waiting.set(service, waiting.get(service)! - 1);
        const now = clock.now();
        hop.end(failure, now);
        hopDurationsOf(namespace).record("screen", secondsBetween(began, now), failure);
      },
    };
  };

  return {
    begin,
    async screen(request) {
      const { passed, settle } = begin(request);
      try {
        const outcome = await passed;
        settle();
        return outcome;
      } catch (error) {
        settle(faultOf(error).code);
        throw error;
      }
    },
  };
}

function outcomeOf(verdict: Verdict, { context }: Hop): Passed {
  if (verdict.verdict === "refuse") throw new FaultError("forbidden", verdict.reason);
  return verdict.verdict === "accept"
    ? { context }
    : { context, replacement: { content: verdict.content } };
}
