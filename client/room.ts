/**
 * A room as a client sees it: its messages in order, each once, whatever the connection does.
 *
 * @module
 */
import type { ServerFrame, ServerFrameOf } from "../services/contract/frames.ts";
import { Emitter } from "./emitter.ts";
import { HopwireError } from "./errors.ts";
import type { Sent } from "./outgoing.ts";
import { readMessages } from "./reading.ts";
import type {
  Ack,
  Clock,
  HistoryOptions,
  JoinOptions,
  Member,
  Message,
  SendOptions,
  Signal,
} from "./types.ts";

/** Bytes of a content's JSON that the server takes. */
const MAX_CONTENT_BYTES = 32 * 1024;

/** Members that are listed; above it a room tells how many alone. */
const MAX_MEMBERS = 1_000;

/** How long to wait where the server says "later" without saying when, milliseconds. */
const LATER_MS = 1_000;

/** Ids of our frames: a signal's, so that its refusal is known as one, and what a subscribe's begins with. */
const [SIGNAL, JOIN] = ["~signal", "~join-"];

/** How long what was missed may take to come before we speak all the same, milliseconds. */
const REPLAY_MS = 5_000;

let joins = 0;

const encoder = new TextEncoder();

/** What a room tells. */
export interface RoomEvents {
  message: Message;
  signal: Signal;
  /** Entered, for the first time or again. `recovered`: all that was missed meanwhile follows. */
  joined: { recovered: boolean; seq: number; epoch: string };
  /** What came after `after` and before `before` cannot be told: read {@link Room.history}. */
  lost: { after: number; before: number };
  "member-joined": Member;
  "member-left": Member;
  /** {@link Room.members} or {@link Room.count} have changed. */
  members: { count: number };
  error: HopwireError;
  left: { reason: string };
}

/** What a room needs of its client. */
export interface RoomDeps {
  clock: Clock;
  up(): boolean;
  /** Whether what can be dropped should be. */
  busy(): boolean;
  send(frame: object | string): void;
  ask(
    frame: object & { room: string },
    how?: Pick<Sent, "signal" | "answered">,
  ): Promise<ServerFrame>;
  message(sent: Sent): Promise<ServerFrame>;
  /** We are in: what waited for that may go. */
  opened(): void;
  /** The room was left: what waits in it is given up. */
  left(room: Room, error: HopwireError): void;
}

/** What its client does with a room, and nobody else. */
export interface RoomControl {
  /** Whether messages may be sent; whether we are in. */
  isOpen(): boolean;
  isIn(): boolean;
  /** The server says that we are not in it. */
  lost(): unknown;
  /** Asks to be let in, from where the room is. */
  subscribe(): unknown;
  /** The connection was lost. */
  down(): void;
  /** The room is over. */
  end(error: HopwireError): void;
  /** Takes in a frame of the room. */
  frame(frame: ServerFrame): void;
}

/** The control of a room. */
export let controlOf: (room: Room) => RoomControl;

/** See the module's doc. Made by {@link Hopwire.join}. */
export class Room extends Emitter<RoomEvents> implements AsyncIterable<Message> {
  readonly name: string;
  /** Resolves once the room has been entered; rejects where that is refused. */
  readonly joined: Promise<void>;
  static {
    controlOf = (room) => ({
      isOpen: () => room.#open,
      isIn: () => room.#in,
      lost: () => room.#in && room.#again(LATER_MS),
      subscribe: () => room.#asked || room.#subscribe(),
      down: () => room.#down(),
      end: (error) => room.#end(error),
      frame: (frame) => room.#frame(frame),
    });
  }

  readonly #deps: RoomDeps;
  readonly #presence: boolean;
  readonly #members = new Map<string, Member>();
  #enter!: () => void;
  #refuse!: (error: HopwireError) => void;
  #state: "joining" | "joined" | "left" = "joining";
  /** Ours alone: another room object of this name may have asked before. */
  readonly #joinId = `${JOIN}${joins++}`;
  /** On this connection: we have asked to be let in; we are in. */
  #asked = false;
  #in = false;
  /** Until what was missed has come up to here nothing is sent: it may be among it. */
  #replayTo = 0;
  #last: { seq: number; epoch: string } | null;
  #repairedAt = -1;
  #repairing = false;
  #count: number | undefined;
  #timer: unknown;
  #why: HopwireError | null = null;
  #listing = 0;

  constructor(name: string, options: JoinOptions, deps: RoomDeps) {
    super();
    this.name = name;
    this.#deps = deps;
    this.#last = options.since ?? null;
    this.#presence = options.presence !== false;
    this.joined = new Promise((resolve, reject) => {
      this.#enter = resolve;
      this.#refuse = reject;
    });
    // Who does not look at it hears of it by `error`.
    this.joined.catch(() => {});
  }

  get state(): "joining" | "joined" | "left" {
    return this.#state;
  }

  /** Who is here, by user id; empty where the room does not say. See {@link Room.count}. */
  get members(): ReadonlyMap<string, Member> {
    return this.#members;
  }

  /** How many are here; undefined where the room does not say. */
  get count(): number | undefined {
    return this.#count;
  }

  /** Where to go on from later: {@link JoinOptions.since}. */
  get since(): { seq: number; epoch: string } | null {
    return this.#last;
  }

  /**
   * Sends a message; resolves once it is stored. While the connection is away it waits in the queue,
   * and it is sent again, and stored once, where its ack got lost.
   *
   * @throws {HopwireError} the server's refusal, or `too_large`, `queue_full`, `left`, `closed`
   */
  async send(content: unknown, options: SendOptions = {}): Promise<Ack> {
    const json = contentJson(content);
    if (this.#why !== null) throw this.#why;
    const { id = randomId(), traceparent, signal } = options;
    if (!/^[\x21-\x7e]{1,64}$/.test(id)) {
      throw new HopwireError("invalid_format", "id: expected 1 to 64 visible ASCII characters");
    }
    const frame = { type: "message", room: this.name, id, traceparent };
    const text = withContent(frame, json);
    const sent = { id, room: this.name, frame: text, again: true, signal };
    const { seq, duplicate = false } = await this.#deps.message(sent) as ServerFrameOf<"ack">;
    return { id, room: this.name, seq, duplicate };
  }

  /** Sends something of the moment. Gives false, and sends nothing, where it cannot go out at once. */
  signal(content: unknown): boolean {
    const json = contentJson(content);
    if (!this.#in || this.#deps.busy()) return false;
    this.#deps.send(withContent({ type: "signal", room: this.name, id: SIGNAL }, json));
    return true;
  }

  /**
   * The room's past, newest first; with `after`, what came after it, oldest first. Asks for a page at
   * a time, as it is read.
   */
  async *history(options: HistoryOptions = {}): AsyncGenerator<Message, void, void> {
    const { before, after, pageSize: limit = 50, signal } = options;
    let cursor: object = after === undefined ? { before } : { after };
    for (;;) {
      if (this.#why !== null) throw this.#why;
      const frame = { type: "history", room: this.name, limit, ...cursor };
      const page = await this.#deps.ask(frame, { signal }) as ServerFrameOf<"history">;
      for (const message of page.messages) yield messageOf(message);
      const last = page.messages.at(-1);
      if (!page.more || last === undefined) return;
      cursor = after === undefined ? { before: last.seq } : { after: last.seq };
    }
  }

  /** As {@link Room.messages} without options. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.messages();
  }

  /**
   * Messages from now on. Ends when the room is left, or with the signal's reason; throws `too_slow`
   * where 1,000 wait to be read.
   */
  messages({ signal }: { signal?: AbortSignal } = {}): AsyncIterableIterator<Message> {
    return readMessages(this, signal);
  }

  /** Leaves. Messages that are not acked yet are given up. */
  leave(): void {
    if (this.#state === "left") return;
    if (this.#asked) this.#deps.send({ type: "unsubscribe", room: this.name });
    this.#end(new HopwireError("left", "the room was left"));
  }

  /** Whether messages may be sent. */
  get #open(): boolean {
    return this.#in && (this.#last?.seq ?? 0) >= this.#replayTo;
  }

  /** Asks to be let in, from where we are. */
  #subscribe(): void {
    if (this.#state === "left" || !this.#deps.up()) return;
    this.#asked = true;
    const since = this.#last ?? undefined;
    this.#deps.send({ type: "subscribe", room: this.name, since, id: this.#joinId });
  }

  #down(): void {
    this.#asked = this.#in = false;
    this.#repairing = false;
    this.#listing++;
    this.#deps.clock.clearTimeout(this.#timer);
  }

  #end(error: HopwireError): void {
    if (this.#state === "left") return;
    this.#down();
    this.#state = "left";
    this.#why = error;
    this.#refuse(error);
    this.#deps.left(this, error);
    this.emit("left", { reason: error.message });
  }

  #frame(frame: ServerFrame): void {
    if (frame.type === "subscribed") {
      if (frame.id === this.#joinId) this.#subscribed(frame);
      return;
    }
    if (frame.type === "error") return this.#refused(frame);
    // What comes before we are in was for another of this name, left meanwhile.
    if (!this.#in) return;
    switch (frame.type) {
      case "room-message":
        return this.#message(frame);
      case "room-signal": {
        const { room, userId, username, content } = frame;
        return this.emit("signal", { room, userId, username, content });
      }
      case "user-joined":
      case "user-left":
        return this.#changed(frame);
      case "presence":
        // Nobody asked for it: it takes the place of all that was told before.
        return this.#list(frame, true);
    }
  }

  #subscribed({ seq, epoch, recovered, count }: ServerFrameOf<"subscribed">): void {
    const before = this.#last;
    const repaired = this.#repairing;
    this.#in = true;
    this.#state = "joined";
    if (repaired) this.#repairedAt = before?.seq ?? -1;
    this.#repairing = false;
    this.#last = { seq: recovered && before !== null ? before.seq : seq, epoch };
    this.#replayTo = recovered ? seq : 0;
    if (!this.#open) {
      this.#timer = this.#deps.clock.setTimeout(() => {
        this.#replayTo = 0;
        this.#deps.opened();
      }, REPLAY_MS);
    }
    this.#enter();
    if (!repaired) this.emit("joined", { recovered, seq, epoch });
    const lost = before !== null && !recovered && (before.epoch !== epoch || before.seq < seq);
    if (lost && (seq > 0 || before.seq > 0)) {
      this.emit("lost", { after: before.seq, before: seq + 1 });
    }
    this.#setCount(count);
    if (this.#open) this.#deps.opened();
    if (this.#presence && count !== undefined && count <= MAX_MEMBERS) void this.#readMembers();
  }

  #message(frame: ServerFrameOf<"room-message">): void {
    const { seq, prev } = frame;
    const last = this.#last;
    if (seq > 0 && last !== null) {
      if (seq <= last.seq) return;
      if (prev > last.seq) {
        if (this.#repairing) return;
        if (this.#repairedAt !== last.seq) {
          // What lies between is asked for, and this with it.
          this.#repairing = true;
          return this.#subscribe();
        }
        this.emit("lost", { after: last.seq, before: seq });
      }
      const open = this.#open;
      last.seq = seq;
      if (!open && this.#open) {
        this.#deps.clock.clearTimeout(this.#timer);
        this.#deps.opened();
      }
    }
    this.emit("message", messageOf(frame));
  }

  #changed({ type, userId, username }: ServerFrameOf<"user-joined"> | ServerFrameOf<"user-left">) {
    const member = { userId, username };
    const known = this.#members.has(userId);
    if (type === "user-joined") {
      this.#put(member);
      if (!known) this.#setCount((this.#count ?? 0) + 1);
      this.emit("member-joined", member);
    } else {
      this.#members.delete(userId);
      if (known || !this.#presence) this.#setCount(Math.max(0, (this.#count ?? 1) - 1));
      this.emit("member-left", member);
    }
  }

  #setCount(count: number | undefined): void {
    this.#count = count;
    if (count !== undefined) this.emit("members", { count });
  }

  #list({ members, count }: ServerFrameOf<"presence">, anew: boolean): void {
    if (anew) this.#members.clear();
    for (const member of members) this.#put(member);
    this.#setCount(count);
  }

  #put(member: Member): void {
    if (this.#presence && this.#members.size < MAX_MEMBERS) {
      this.#members.set(member.userId, member);
    }
  }

  async #readMembers(): Promise<void> {
    const listing = ++this.#listing;
    try {
      let after: string | undefined;
      for (;;) {
        const frame = { type: "presence", room: this.name, after };
        // At once: who comes or goes right after it, in the same packet, must not be taken back by it.
        const answered = (answer: ServerFrame) => {
          if (listing !== this.#listing) return;
          this.#list(answer as ServerFrameOf<"presence">, after === undefined);
        };
        const page = await this.#deps.ask(frame, { answered }) as ServerFrameOf<"presence">;
        if (listing !== this.#listing) return;
        after = page.members.at(-1)?.userId;
        if (!page.more || after === undefined || this.#members.size >= MAX_MEMBERS) return;
      }
    } catch (error) {
      if (listing === this.#listing) this.emit("error", error as HopwireError);
    }
  }

  #refused({ id, code, message, retryAfter }: ServerFrameOf<"error">): void {
    // Of another room object of this name.
    if (id?.startsWith(JOIN) && id !== this.#joinId) return;
    const error = new HopwireError(code, message);
    // Without an id it is a renewed token's doing: the room was left.
    const out = id === this.#joinId || id === undefined;
    if (out && code !== "unavailable" && code !== "rate_limited") {
      this.emit("error", error);
      return this.#end(error);
    }
    // It is not in the room for a reason that passes.
    if (out) this.#again(retryAfter ?? LATER_MS);
    this.emit("error", error);
  }

  /** We are not in the room any more: asks to be let in again, in a while. */
  #again(wait: number): void {
    if (this.#state === "left") return;
    this.#down();
    this.#timer = this.#deps.clock.setTimeout(() => this.#subscribe(), wait);
  }
}

/** A content's JSON, within the server's limit. */
function contentJson(content: unknown): string {
  const json = JSON.stringify(content);
  if (json === undefined) throw new HopwireError("invalid_format", "content: not JSON");
  const bytes = json.length * 3 > MAX_CONTENT_BYTES ? encoder.encode(json).length : 0;
  if (bytes > MAX_CONTENT_BYTES) {
    throw new HopwireError("too_large", `content: ${bytes} bytes, ${MAX_CONTENT_BYTES} at most`);
  }
  return json;
}

/** A frame's text: what was given is written once, and is what it was then whenever it is sent. */
function withContent(frame: object, json: string): string {
  return `${JSON.stringify(frame).slice(0, -1)},"content":${json}}`;
}

function messageOf({ type: _, ...message }: ServerFrameOf<"room-message">): Message {
  return message as Message;
}

/** 128 random bits: `crypto.randomUUID` is only there for pages with https. */
function randomId(): string {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(words, (word) => word.toString(36)).join("-");
}
