/**
 * Listens to the messages of rooms: what live and durable listeners have in common.
 *
 * @module
 */
import type * as z from "zod";
import { RoomEvent, RoomPattern } from "../../contract/mod.ts";
import { ConfigError } from "../config.ts";
import { type Context, natsAttributes, SpanKind, startHop } from "../hop.ts";
import { faultOf } from "../fault_error.ts";
import { processDurations } from "../telemetry/operation_durations.ts";
import type { AppParts } from "./app_parts.ts";
import { HANDLER_MS } from "./handlers.ts";
import type { Missed } from "../log_place.ts";

/** A message of a room. */
export interface RoomMessage<Content = unknown> {
  /** The room. */
  room: string;
  /** The id that its sender chose, or that a gateway gave it. */
  id: string;
  /** Who sent it. */
  userId: string;
  /** The sender's name. */
  username: string;
  /** What it says. */
  content: Content;
  /** When a gateway received it, milliseconds since 1970. */
  timestamp: number;
  /** Its place in the order of the room; 0 in a room that stores nothing. */
  seq: number;
  /** Whether the service may have handled it before: it was killed, or its handler failed. */
  redelivered: boolean;
  /** The trace of the message. What the handler sends belongs to it without being told. */
  context: Context;
  /** Aborted when the handler has taken too long. */
  signal: AbortSignal;
}

/** How a service listens. */
export interface ListenOptions<Content = unknown> {
  /** The content that is wanted; other messages are left out. */
  content?: z.ZodType<Content>;
  /**
   * True: every message is handled, also those that were sent while the service was down, and one
   * instance handles each. It takes the need `log`, and rooms that store their messages.
   */
  durable?: boolean;
  /** With `durable`, where a service begins that never ran before. Default: `new`. */
  from?: "new" | "first";
  /** Without `durable`: true if one instance shall get each message, not all of them. */
  shared?: boolean;
  /** Rooms whose messages are handled at a time; those of one room come in order. Default: 16. */
  concurrency?: number;
  /** How long the handler may take, milliseconds. Default, and most with `durable`: 20,000. */
  timeoutMs?: number;
  /** With `durable`: how often one instance tries a message before it gives it up. Default: 10. */
  attempts?: number;
  /**
   * With `durable`: called when messages have left the log before any instance has read them. Each instance
   * is told. `app.history` has what the archive keeps of them.
   */
  missed?: (missed: Missed) => void | Promise<void>;
  /** True if messages that the service itself has sent are wanted, too. */
  own?: boolean;
}

/** Handles one message. */
export type MessageHandler<Content> = (message: RoomMessage<Content>) => void | Promise<void>;

/** Options with their defaults. */
export interface Listener<Content> {
  pattern: string;
  handle: MessageHandler<Content>;
  options:
    & Required<Omit<ListenOptions<Content>, "content" | "missed">>
    & Pick<ListenOptions<Content>, "content" | "missed">;
}

/** Completes the options of a listener. */
export function listenerOf<Content>(
  pattern: string,
  handle: MessageHandler<Content>,
  options: ListenOptions<Content>,
): Listener<Content> {
  if (!RoomPattern.safeParse(pattern).success) {
    throw new ConfigError(`app.listen: ${JSON.stringify(pattern)} is no pattern of rooms`);
  }
  const { timeoutMs = HANDLER_MS } = options;
  if (options.durable && timeoutMs > HANDLER_MS) {
    throw new ConfigError(`app.listen: a durable handler may take ${HANDLER_MS} ms at most`);
  }
  return {
    pattern,
    handle,
    options: {
      durable: false,
      from: "new",
      shared: false,
      concurrency: 16,
      attempts: 10,
      own: false,
      ...options,
      timeoutMs,
    },
  };
}

/** What arrived, before it is known whether it is wanted. */
export interface Arrived {
  payload: () => unknown;
  seq: number;
  redelivered: boolean;
  context: Context;
}

/** Returns the message, or null if the listener does not want it. */
export function wantedMessage<Content>(
  parts: AppParts,
  { options }: Listener<Content>,
  { payload, seq, redelivered, context }: Arrived,
): Omit<RoomMessage<Content>, "signal"> | null {
  let value: unknown;
  try {
    value = payload();
  } catch {
    return null;
  }
  const parsed = RoomEvent.safeParse(value);
  // An erased message says nothing any more.
  if (!parsed.success || parsed.data.erased) return null;
  const { erased: _, ...event } = parsed.data;
  if (!options.own && event.userId === parts.declaration.name) return null;
  const content = options.content?.safeParse(event.content);
  if (content?.success === false) return null;
  return {
    ...event,
    content: (content === undefined ? event.content : content.data) as Content,
    seq,
    redelivered,
    context,
  };
}

/** Runs the handler of a message as a hop of its trace. Rejects as the handler does. */
export async function handleMessage<Content>(
  parts: AppParts,
  { handle, pattern, options }: Listener<Content>,
  message: Omit<RoomMessage<Content>, "signal">,
): Promise<void> {
  const durations = processDurations(`room.message.*.${pattern}`);
  const hop = startHop(`process ${pattern}`, SpanKind.CONSUMER, message.context, {
    ...natsAttributes("process", message.room),
    "hopwire.room": message.room,
    "hopwire.seq": message.seq,
  });
  const began = performance.now();
  const ended = (failure?: string) => {
    hop.end(failure);
    durations.record((performance.now() - began) / 1_000, failure);
  };
  try {
    await parts.handlers.run(
      hop.context,
      options.timeoutMs,
      (signal) => handle({ ...message, context: hop.context, signal }),
    );
    ended();
  } catch (error) {
    ended(faultOf(error).code);
    throw error;
  }
}
