/**
 * The public view of a room.
 *
 * @module
 */
import type { ServerFrameOf } from "../services/contract/frames.ts";
import { Emitter } from "./emitter.ts";
import type { RoomEvents } from "./events.ts";
import { readHistory } from "./history.ts";
import {
  checkMessageId,
  encodeContent,
  encodeFrame,
  encodePresence,
  randomMessageId,
} from "./message_codec.ts";
import { iterateMessages } from "./message_iterator.ts";
import type { HistoryOptions, SendOptions, TraceOptions } from "./options.ts";
import type { PlatformAbortSignal } from "./platform.ts";
import type { RoomClient } from "./room_client.ts";
import type { RoomSession } from "./room_session.ts";
import { newTraceparent } from "./traceparent.ts";
import type { Ack, Member, Message, PresenceState } from "./types.ts";

/**
 * A room: its messages in order, each once, across losses of the connection. {@link Hopwire.join}
 * returns it. Iterating a room is the same as iterating {@link Room.messages}.
 *
 * `Content` and `SignalContent` are the types of what members send as messages and as signals. Only
 * {@link JoinOptions.schema} and {@link JoinOptions.signalSchema} check that they do.
 */
export class Room<Content = unknown, SignalContent = unknown>
  extends Emitter<RoomEvents<Content, SignalContent>>
  implements AsyncIterable<Message<Content>> {
  readonly #session: RoomSession;
  readonly #client: RoomClient;

  /**
   * Only {@link Hopwire.join} creates rooms.
   *
   * @internal
   */
  constructor(session: RoomSession, client: RoomClient) {
    super();
    this.#session = session;
    this.#client = client;
    // The session has checked the contents, if there is a schema.
    session.emit = (name, event) => (this as Room).emit(name, event);
  }

  /** The room's name. */
  get name(): string {
    return this.#session.name;
  }

  /**
   * Resolves when the room is first joined. Rejects with a {@link HopwireError} if the server refuses,
   * or if the room or the client ends before.
   */
  get joined(): Promise<void> {
    return this.#session.joined;
  }

  /** `joining` until the room is first joined, then `joined`; `left` once it has ended. */
  get state(): "joining" | "joined" | "left" {
    return this.#session.state;
  }

  /**
   * The members by user id, up to 1,000. Empty if the server does not list them, or if the room was
   * joined without `presence`. See {@link Room.count}. This user's own entry has the state that this
   * client has set, if any.
   */
  get members(): ReadonlyMap<string, Member> {
    return this.#session.roster.members;
  }

  /** The number of members; undefined if the server does not tell. */
  get count(): number | undefined {
    return this.#session.roster.count;
  }

  /**
   * A copy of the last message's position; null before the room is first joined. Pass it as
   * {@link JoinOptions.since} to resume from there later, for example after a page reload.
   */
  get since(): { seq: number; epoch: string } | null {
    return this.#session.position.last;
  }

  /**
   * Sends a message. Resolves with the acknowledgement when the server has stored it. While there is
   * no connection the message waits in the queue. If the connection ends before the acknowledgement,
   * the message is sent again with the same id.
   *
   * `content` is any value with JSON of at most 32 KiB. It is encoded at once.
   *
   * @throws {HopwireError} `invalid_format` for content without JSON or an invalid id; `too_large`;
   * `queue_full`; `left` or `closed` if the room or the client ends first; `forbidden` and other codes
   * of the server
   */
  async send(content: Content, options: SendOptions = {}): Promise<Ack> {
    const { clock, measure } = this.#client;
    const from = clock.now();
    const contentJson = encodeContent(content);
    this.#throwIfEnded();
    const { id = randomMessageId(), trace, signal } = options;
    // A trace that begins here begins with this client's hop.
    const { traceparent = trace && measure ? newTraceparent() : undefined } = options;
    checkMessageId(id);
    const room = this.name;
    const frame = encodeFrame({ type: "message", room, id, traceparent, trace }, contentJson);
    const root = traceparent !== options.traceparent || undefined;
    const onSent = () => measure?.("client.send", from, room, traceparent, root);
    const message = { id, room, frame, resendable: true, signal, onSent };
    const ack = await this.#client.sendMessage(message);
    const { seq, duplicate = false, traceId } = ack as ServerFrameOf<"ack">;
    return { id, room, seq, duplicate, ...(traceId && { traceId }) };
  }

  /**
   * Sends a signal, which the server passes on and does not store. Returns false, and sends nothing, if
   * the room is not joined at the moment, the connection is congested or the rate limit is used up.
   *
   * `content` is any value with JSON of at most 32 KiB.
   *
   * @throws {HopwireError} `invalid_format` for content without JSON; `too_large`
   */
  signal(content: SignalContent, { traceparent, trace }: TraceOptions = {}): boolean {
    return this.#session.sendSignal(encodeContent(content), { traceparent, trace });
  }

  /**
   * Sets this user's state in the room, such as `{ status: "away" }`; null clears it. Other members
   * receive it as {@link Member.presence}. The client sends the state again after a reconnect. Of
   * several states that are set in one turn or without a connection, it sends the last one.
   *
   * A user has one state in a room: if several connections set it, the last one counts. If the server
   * refuses the state, the room emits `error` and forgets the state.
   *
   * `state` is an object with JSON of at most 1 KiB. It is encoded at once.
   *
   * @throws {HopwireError} `invalid_format` if `state` is not an object; `too_large`; `left` or `closed`
   */
  setPresence(state: PresenceState | null): void {
    const json = encodePresence(state);
    this.#throwIfEnded();
    this.#session.ownPresence.set(json);
  }

  /**
   * Iterates the stored messages: newest first, or with `after` oldest first. Requests one page at a
   * time, when the page before it has been read. Messages that do not match the schema are left out;
   * the room emits `invalid` for each.
   *
   * @throws {HopwireError} `left` or `closed`; `forbidden` and other codes of the server
   */
  async *history(options: HistoryOptions = {}): AsyncGenerator<Message<Content>, void, void> {
    const stored = readHistory(this.name, options, (frame, more) => {
      this.#throwIfEnded();
      return this.#client.request(frame, more);
    });
    for await (const message of stored) {
      if (this.#session.validate(message)) yield message as Message<Content>;
    }
  }

  /** Iterates the messages that arrive from now on, as {@link Room.messages} without options. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message<Content>> {
    return this.messages();
  }

  /**
   * Iterates the messages that arrive from now on. Ends when the room is left. When `signal` aborts,
   * the iterator throws the signal's reason.
   *
   * @throws {HopwireError} `too_slow` if 1,000 messages wait to be read
   */
  messages(
    { signal }: { signal?: PlatformAbortSignal } = {},
  ): AsyncIterableIterator<Message<Content>> {
    return iterateMessages<Content>(this, signal);
  }

  /** Leaves the room. Messages without acknowledgement are rejected with `left`. */
  leave(): void {
    this.#session.leave();
  }

  #throwIfEnded(): void {
    const { endedBy } = this.#session;
    if (endedBy !== null) throw endedBy;
  }
}
