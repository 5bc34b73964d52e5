/**
 * A room as the protocol sees it: subscribes, resumes after a loss, orders the messages, and retries.
 * The public {@link Room} stands in front of it.
 *
 * @module
 */
import type { ServerFrame, ServerFrameOf } from "../services/contract/frames.ts";
import { DEFAULT_RETRY_AFTER_MS } from "./backoff.ts";
import { HopwireError } from "./errors.ts";
import { PRESENCE_ID_PREFIX, SIGNAL_ID, SUBSCRIBE_ID_PREFIX } from "./frame_ids.ts";
import { decodeMessage, encodeFrame, encodePresence } from "./message_codec.ts";
import type { JoinOptions } from "./options.ts";
import { OwnPresence } from "./own_presence.ts";
import type { EmitRoomEvent, RoomClient } from "./room_client.ts";
import { RoomPosition } from "./room_position.ts";
import { Roster } from "./roster.ts";
import { type Schema, validated } from "./schema.ts";
import type { Message, Signal } from "./types.ts";

/**
 * How long a replay may take before the room sends again, milliseconds. Until then its queued messages
 * wait: they may be among the replayed ones.
 */
const REPLAY_TIMEOUT_MS = 5_000;

/** Errors after which the room is joined again later. Any other error of a subscription is final. */
const TEMPORARY_CODES = ["unavailable", "rate_limited"];

let subscribeIds = 0;

/** The state of one room, across connections. */
export class RoomSession {
  /** The room's name. */
  readonly name: string;
  /** Resolves when the room is first joined; rejects if it ends before. */
  readonly joined: Promise<void>;
  /** The members. */
  readonly roster: Roster;
  /** This user's own state. */
  readonly ownPresence: OwnPresence;
  /** How far the room's log has been read. */
  readonly position: RoomPosition;
  /** The state of the room, which survives a loss of the connection. */
  state: "joining" | "joined" | "left" = "joining";
  /** Why the room ended; null before. */
  endedBy: HopwireError | null = null;
  /** Emits an event of the public room, which sets this. */
  emit: EmitRoomEvent = () => {};

  readonly #client: RoomClient;
  readonly #options: JoinOptions;
  /** Tells this room's answers from those for an earlier room object of the same name. */
  readonly #subscribeId = `${SUBSCRIBE_ID_PREFIX}${subscribeIds++}`;
  #resolveJoined!: () => void;
  #rejectJoined!: (error: HopwireError) => void;
  /** Whether a subscription was sent on this connection. */
  #wasRequested = false;
  /** Whether the server has confirmed it. */
  #isSubscribed = false;
  /** The replay's timeout, or the next attempt to subscribe. */
  #timer: unknown;
  /** Emits an event of the public room, unless a listener of an earlier event has left the room. */
  readonly #emit: EmitRoomEvent = (name, event) => {
    if (this.state !== "left") this.emit(name, event);
  };

  constructor(name: string, options: JoinOptions, client: RoomClient) {
    this.name = name;
    this.#client = client;
    this.#options = options;
    this.position = new RoomPosition(options.since);
    this.ownPresence = new OwnPresence(
      name,
      client,
      () => this.roster.ownStateSet(client.userId()),
    );
    const { presenceState } = options;
    if (presenceState !== undefined) this.ownPresence.set(encodePresence(presenceState));
    this.roster = new Roster(
      name,
      options.presence !== false,
      client.request,
      this.#emit,
      this.ownPresence,
    );
    this.joined = new Promise((resolve, reject) => {
      this.#resolveJoined = resolve;
      this.#rejectJoined = reject;
    });
    // An application that does not await it learns of the failure from the `error` event.
    this.joined.catch(() => {});
  }

  /** Whether requests and signals may be sent: the client is in the room. */
  get isSubscribed(): boolean {
    return this.#isSubscribed;
  }

  /** Whether messages may be sent: the client is in the room and the replay is complete. */
  get canSend(): boolean {
    return this.#isSubscribed && this.position.isCaughtUp;
  }

  /** Sends the subscription, unless it was sent on this connection already. */
  ensureSubscribed(): void {
    if (!this.#wasRequested) this.#subscribe();
  }

  /** The server says that the client is not in the room. Joins again later. */
  handleNotInRoom(): void {
    if (this.#isSubscribed) this.#subscribeLater(DEFAULT_RETRY_AFTER_MS);
  }

  /** The connection ended, or the server removed the client from the room. */
  handleDisconnect(): void {
    this.#wasRequested = this.#isSubscribed = false;
    this.position.disconnected();
    this.roster.stop();
    this.ownPresence.stop();
    this.#client.clock.clearTimeout(this.#timer);
  }

  /** Sends a signal. Returns false, without sending, if it cannot be sent at once. */
  sendSignal(contentJson: string, tracing: object): boolean {
    if (!this.#isSubscribed || this.#client.isCongested()) return false;
    const frame = { type: "signal", room: this.name, id: SIGNAL_ID, ...tracing };
    this.#client.send(encodeFrame(frame, contentJson));
    return true;
  }

  /** Leaves the room on the application's behalf. */
  leave(): void {
    if (this.state === "left") return;
    if (this.#wasRequested) this.#client.send({ type: "unsubscribe", room: this.name });
    this.end(new HopwireError("left", "the room was left"));
  }

  /** Ends the room for good. */
  end(error: HopwireError): void {
    if (this.state === "left") return;
    this.handleDisconnect();
    this.state = "left";
    this.endedBy = error;
    this.#rejectJoined(error);
    this.#client.roomEnded(this.name, error);
    this.emit("left", { reason: error.message });
  }

  /** Handles a frame of this room. */
  handleFrame(frame: ServerFrame): void {
    if (frame.type === "subscribed") {
      if (frame.id === this.#subscribeId) this.#handleSubscribed(frame);
      return;
    }
    if (frame.type === "error") return this.#handleError(frame);
    if (frame.type === "unsubscribed" && frame.reason !== undefined) {
      return this.#handleExpelled(frame.reason, frame.message);
    }
    // Frames that arrive before the confirmation are for an earlier room object of the same name.
    if (!this.#isSubscribed) return;
    switch (frame.type) {
      case "room-message":
        return this.#handleMessage(frame);
      case "room-signal": {
        const { room, userId, username, content } = frame;
        const signal = { room, userId, username, content };
        if (this.#check(this.#options.signalSchema, signal)) this.#emit("signal", signal);
        return;
      }
      case "message-erased":
        return this.#emit("erased", { seq: frame.seq });
      case "user-joined":
      case "user-updated":
      case "user-left":
        return this.roster.change(frame);
      case "presence":
        return this.roster.replace(frame);
    }
  }

  /** Whether a message matches the schema; if not, the room emits `invalid`. */
  validate(message: Message): boolean {
    return message.erased || this.#check(this.#options.schema, message);
  }

  #check(schema: Schema<unknown> | undefined, received: Message | Signal): boolean {
    try {
      received.content = validated(schema, received.content);
      return true;
    } catch (error) {
      this.#emit("invalid", { received, error: error as HopwireError });
      return false;
    }
  }

  #subscribe(): void {
    if (this.state === "left" || !this.#client.isConnected()) return;
    this.#wasRequested = true;
    // If this repairs a replay, the time of that replay starts again with the answer.
    this.#client.clock.clearTimeout(this.#timer);
    const since = this.position.last ?? undefined;
    // A repair leaves the state alone: another connection of the user may have changed it.
    const presence = this.#isSubscribed ? undefined : this.ownPresence.forSubscription();
    const frame = {
      type: "subscribe",
      room: this.name,
      since,
      presence,
      trace: this.#options.trace,
    };
    this.#client.send({ ...frame, id: this.#subscribeId });
  }

  #subscribeLater(wait: number): void {
    if (this.state === "left") return;
    this.handleDisconnect();
    this.#timer = this.#client.clock.setTimeout(() => this.#subscribe(), wait);
  }

  #handleSubscribed(frame: ServerFrameOf<"subscribed">): void {
    const { seq, epoch, recovered, count } = frame;
    this.#isSubscribed = true;
    this.state = "joined";
    const { rejoined, lost } = this.position.subscribed(frame);
    if (!this.position.isCaughtUp) {
      this.#timer = this.#client.clock.setTimeout(() => {
        this.position.abandonReplay();
        this.#client.flush();
      }, REPLAY_TIMEOUT_MS);
    }
    this.#resolveJoined();
    this.ownPresence.start();
    if (rejoined) this.#emit("joined", { recovered, seq, epoch });
    if (lost !== undefined) this.#emit("lost", lost);
    // A listener may have left the room.
    if (!this.#isSubscribed) return;
    this.roster.start(count);
    if (this.canSend) this.#client.flush();
    if (this.#isSubscribed) this.roster.load();
  }

  #handleMessage(frame: ServerFrameOf<"room-message">): void {
    const { seq, prev } = frame;
    const order = this.position.classify(seq, prev);
    if (order === "duplicate" || order === "replaying") return;
    // The server replays what is missing, and this message with it.
    if (order === "gap") return this.#subscribe();
    if (order === "unrecoverable") {
      this.#emit("lost", { after: this.position.last!.seq, before: seq });
    }
    const couldSend = this.canSend;
    this.position.advance(seq);
    if (!couldSend && this.canSend) {
      this.#client.clock.clearTimeout(this.#timer);
      this.#client.flush();
    }
    const from = this.#client.clock.now();
    const message = decodeMessage(frame);
    if (this.validate(message)) this.#emit("message", message);
    this.#client.measure?.("client.receive", from, this.name, frame.traceparent);
  }

  /** The server took the client out of the room: a kicked user may join again, a banned one may not. */
  #handleExpelled(reason: "kicked" | "banned", message?: string): void {
    const error = new HopwireError(reason, message ?? `${reason} from the room`);
    this.#emit("error", error);
    this.end(error);
  }

  #handleError(frame: ServerFrameOf<"error">): void {
    const { id, code, message, retryAfter } = frame;
    const error = new HopwireError(code, message);
    const isSubscribeError = id === this.#subscribeId;
    if (id === this.ownPresence.id) {
      if (code === "room_not_found") return this.handleNotInRoom();
      if (!this.ownPresence.handleRefusal(frame)) return;
      // The list says which state the user has instead.
      if (this.#isSubscribed) this.roster.load();
      return this.#emit("error", error);
    }
    // For an earlier room object of the same name.
    if (id?.startsWith(PRESENCE_ID_PREFIX)) return;
    if (id?.startsWith(SUBSCRIBE_ID_PREFIX) && !isSubscribeError) return;
    if (isSubscribeError && this.ownPresence.retryWithout(code)) return this.#subscribe();
    // Without an id, a renewed token took the room's rights away, and the server has left the room.
    const isOutOfRoom = isSubscribeError || id === undefined;
    if (isOutOfRoom && !TEMPORARY_CODES.includes(code)) {
      this.#emit("error", error);
      return this.end(error);
    }
    if (isOutOfRoom) this.#subscribeLater(retryAfter ?? DEFAULT_RETRY_AFTER_MS);
    this.#emit("error", error);
  }
}
