/**
 * Asks every gateway something. Which ones there are is known from their heartbeats, so that an answer says
 * whether it is complete.
 *
 * @module
 */
import type { Msg } from "@nats-io/transport-node";
import {
  type Endpoint,
  GATEWAY_ALIVE,
  GATEWAY_PING,
  GatewayAlive,
  HEADERS,
} from "../contract/mod.ts";
import {
  type Bus,
  type Context,
  encodeHeaders,
  FaultError,
  subscribe,
  traceparentOf,
} from "../kit/mod.ts";

/** Most gateways that are remembered and asked. */
const MAX_GATEWAYS = 1_000;

/** How long a gateway may take to answer, milliseconds. */
const ANSWER_MS = 2_000;

/** How long a new process waits for the heartbeats that it asks for, milliseconds. */
const FIND_MS = 300;

/** What the gateways answered. */
export interface Answers<Reply> {
  replies: Reply[];
  /** Whether every known gateway has answered; or none runs. */
  complete: boolean;
}

/** The gateways that run. */
export interface Gateways {
  /**
   * Asks all of them, and waits until all have answered, for `timeLeft` milliseconds at most.
   *
   * @throws {FaultError} `unavailable` if NATS is disconnected
   */
  ask<Request, Reply extends { gateway: string }>(
    endpoint: Endpoint<Request, Reply>,
    request: Request,
    options: { timeLeft: number; context: Context },
  ): Promise<Answers<Reply>>;
  /** Stops listening. */
  close(): void;
}

/** Listens to the heartbeats. Resolves when the gateways that run had time to answer. */
export async function followGateways(
  bus: Bus,
  now: () => number = () => performance.now(),
): Promise<Gateways> {
  const until = new Map<string, number>();
  const heard = ({ gateway, lease, stopping }: GatewayAlive) => {
    until.delete(gateway);
    if (stopping === true) return;
    until.set(gateway, now() + lease);
    if (until.size > MAX_GATEWAYS) until.delete(until.keys().next().value!);
  };
  const inbox = bus.createInbox();
  const subscriptions = [GATEWAY_ALIVE, inbox]
    .map((subject) => subscribe(bus, subject, GatewayAlive, heard));
  const find = () => void bus.send(GATEWAY_PING, "", { reply: inbox });
  find();
  const forget = bus.onReconnect(find);
  await new Promise((resolve) => setTimeout(resolve, FIND_MS));

  const alive = () => {
    for (const [gateway, end] of until) if (end < now()) until.delete(gateway);
    return new Set(until.keys());
  };
  return {
    async ask(endpoint, request, { timeLeft, context }) {
      const waiting = alive();
      // After an outage of NATS none is known, though some may run. Then whoever answers in time does.
      const known = waiting.size > 0;
      let none = false;
      const replies = new Map<string, ReturnType<typeof endpoint.reply.parse>>();
      const { promise: answered, resolve: done } = Promise.withResolvers<void>();
      const reply = bus.createInbox();
      const take = (message: Msg) => {
        // NATS itself says so if nobody listens.
        if (message.headers?.code === 503) {
          none = true;
          return done();
        }
        const parsed = endpoint.reply.safeParse(parseJson(message));
        if (!parsed.success || message.headers?.get(HEADERS.error)) return;
        if (replies.size < MAX_GATEWAYS) replies.set(parsed.data.gateway, parsed.data);
        waiting.delete(parsed.data.gateway);
        if (known && waiting.size === 0) done();
      };
      const subscription = bus.nats.subscribe(reply, {
        callback: (error, message) => {
          if (error === null) take(message);
        },
      });
      const timer = setTimeout(done, Math.min(timeLeft, ANSWER_MS));
      try {
        const headers = encodeHeaders(HEADERS.traceparent, traceparentOf(context));
        if (!bus.send(endpoint.subject, JSON.stringify(request), { headers, reply })) {
          throw new FaultError("unavailable", "the message bus is unreachable", 1_000);
        }
        await answered;
      } finally {
        clearTimeout(timer);
        subscription.unsubscribe();
      }
      return { replies: [...replies.values()], complete: known ? waiting.size === 0 : none };
    },
    close() {
      forget();
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}

function parseJson(message: Msg): unknown {
  try {
    return message.json();
  } catch {
    return undefined;
  }
}
