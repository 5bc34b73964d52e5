/**
 * What a service sends: messages and signals to rooms, events to users.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type * as z from "zod";
import {
  deduplicationId,
  describeIssue,
  hasLoneSurrogate,
  HEADERS,
  MAX_CONTENT_BYTES,
  MAX_ID_LENGTH,
  messageSubject,
  RoomEvent,
  SignalEvent,
  signalSubject,
  SPAN_ATTRIBUTES,
  unstoredSubject,
  UserEvent,
  userEventSubject,
} from "../../contract/mod.ts";
import { FaultError, faultOf } from "../fault_error.ts";
import {
  type Context,
  natsAttributes,
  SpanKind,
  startHop,
  TELEMETRY_ON,
  traceparentOf,
} from "../hop.ts";
import { type Bus, createHeaders } from "../bus.ts";
import { type Stored, StreamPublisher } from "../stream_publisher.ts";
import { clock } from "../telemetry/clock.ts";
import { sentHeader } from "../telemetry/message_times.ts";
import { requestDurations } from "../telemetry/operation_durations.ts";
import { type AppParts, DRAIN_MS, requireNeed } from "./app_parts.ts";
import type { Sender } from "./caller.ts";
import { createScreened } from "./screened.ts";
import { currentContext } from "./handlers.ts";

/** Messages of one instance that may wait to be stored. */
const MAX_PENDING = 1_024;

/** How often a message is sent until it is stored, and the wait before the second time, milliseconds. */
const ATTEMPTS = 3;
const RETRY_MS = 250;

/** Options of everything that is sent. */
export interface SendOptions {
  /** The trace to belong to; by default that of the call or message that is being handled. */
  context?: Context;
}

/** Options of signals. */
export interface SignalOptions extends SendOptions {
  /** Who sends, as members see it. By default the service: its name as id and as name. */
  as?: Sender;
}

/** Options of messages. */
export interface PostOptions extends SignalOptions {
  /**
   * The message's id. A second message of the same user with the same id in the same room, within two
   * minutes, is stored once. By default a new one.
   */
  id?: string;
  /** False for a room whose namespace stores nothing. */
  stored?: boolean;
  /**
   * True: the service that the room's namespace names screens the message, as one of a client. For what
   * users have said. Needs `screened`.
   */
  screen?: boolean;
}

/** What a service sends with. */
export interface Sending {
  post(room: string, content: unknown, options?: PostOptions): Promise<Stored>;
  signal(room: string, content: unknown, options?: SignalOptions): void;
  event(userId: string, topic: string, data: unknown, options?: SendOptions): void;
}

/** Makes what one service sends with. */
export function createSending(parts: AppParts): Sending {
  const { bus, declaration: { name, needs } } = parts;
  const screened = createScreened(parts);
  const itself = { userId: name, username: name };
  let publisher: StreamPublisher | undefined;
  // At once: what is registered first is drained last.
  if (needs.includes("post")) {
    const made = publisher = new StreamPublisher(bus, { maxPending: MAX_PENDING });
    parts.onDrain(async () => {
      await made.settled(DRAIN_MS);
      made.close();
    });
  }

  const store = (subject: string, json: string, messageId: string, context: Context) => {
    const headers = headersIn(context);
    headers.set(HEADERS.messageId, messageId);
    return new Promise<Stored>((resolve, reject) => {
      publisher!.publish(subject, json, headers, (stored, failure) => {
        if (stored !== null) resolve(stored);
        else reject(FaultError.from(failure!));
      });
    });
  };

  return {
    async post(room, content, options = {}) {
      requireNeed(parts, "post", "app.post");
      const { as = itself, id = crypto.randomUUID(), stored = true } = options;
      if (!/^[\x21-\x7e]+$/.test(id)) {
        throw new FaultError("invalid_format", `id: expected ${MAX_ID_LENGTH} visible characters`);
      }
      const { userId, username } = as;
      const timestamp = Date.now();
      const event = valid(RoomEvent, { room, id, userId, username, content, timestamp });
      let json = contentIn(event);
      let context = options.context ?? currentContext();
      if (options.screen) {
        const passed = await screened(event, context);
        if (passed !== null) {
          ({ context } = passed);
          if (passed.replacement !== undefined) {
            json = contentIn({ ...event, ...passed.replacement });
          }
        }
      }
      const subject = stored ? messageSubject(room) : unstoredSubject(room);
      const hop = startHop(
        "bus.store",
        SpanKind.PRODUCER,
        context,
        {
          [SPAN_ATTRIBUTES.hop]: "bus.store",
          ...natsAttributes("send", subject),
          "messaging.message.id": id,
          [SPAN_ATTRIBUTES.room]: room,
        },
      );
      const durations = requestDurations("room.message");
      const began = performance.now();
      try {
        if (!stored) {
          send(bus, subject, json, hop.context);
          hop.end();
          return { seq: 0, duplicate: false };
        }
        const messageId = deduplicationId(as.userId, room, id);
        for (let attempt = 1;; attempt++) {
          try {
            const done = await store(subject, json, messageId, hop.context);
            hop.span.setAttribute(SPAN_ATTRIBUTES.seq, done.seq);
            hop.end();
            durations.record((performance.now() - began) / 1_000);
            // What the first attempt has stored is no duplicate of somebody else's.
            return attempt === 1 ? done : { ...done, duplicate: false };
          } catch (error) {
            if (attempt === ATTEMPTS) throw error;
            await new Promise((resolve) => setTimeout(resolve, RETRY_MS * 2 ** attempt));
          }
        }
      } catch (error) {
        const { code } = faultOf(error);
        hop.end(code);
        durations.record((performance.now() - began) / 1_000, code);
        throw error;
      }
    },

    signal(room, content, options = {}) {
      requireNeed(parts, "signal", "app.signal");
      const { userId, username } = options.as ?? itself;
      const event = valid(SignalEvent, { room, userId, username, content });
      send(bus, signalSubject(room), contentIn(event), options.context ?? currentContext());
    },

    event(userId, topic, data, options = {}) {
      requireNeed(parts, "events", "app.event");
      const event = valid(UserEvent, { topic, data });
      const context = options.context ?? currentContext();
      send(bus, userEventSubject(userId), JSON.stringify(event), context);
    },
  };
}

/** The headers with which what is sent belongs to a trace, and with which its next hops are measured. */
function headersIn(context: Context) {
  const headers = createHeaders();
  const traceparent = traceparentOf(context);
  if (traceparent !== undefined) headers.set(HEADERS.traceparent, traceparent);
  if (TELEMETRY_ON) {
    const now = clock.now();
    headers.set(HEADERS.sent, sentHeader(now, now));
  }
  return headers;
}

/** Publishes what nobody acknowledges. */
function send(bus: Bus, subject: string, json: string, context: Context): void {
  if (bus.send(subject, json, { headers: headersIn(context) })) return;
  throw new FaultError("unavailable", undefined, 1_000);
}

/** Checks what is sent, so that a mistake shows where it is made. */
function valid<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new FaultError("invalid_format", describeIssue(parsed.error));
  return parsed.data;
}

/** Returns the JSON of an event whose content is not too large. */
function contentIn(event: { content: unknown }): string {
  const content = JSON.stringify(event.content);
  if (content === undefined) throw new FaultError("invalid_format", "content: expected JSON");
  if (Buffer.byteLength(content) > MAX_CONTENT_BYTES) {
    throw new FaultError("too_large", `more than ${MAX_CONTENT_BYTES} bytes of JSON`);
  }
  if (hasLoneSurrogate(content)) {
    throw new FaultError("invalid_format", "content: a lone surrogate is not a character");
  }
  return JSON.stringify(event);
}
