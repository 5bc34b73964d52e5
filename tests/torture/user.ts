/**
 * A simulated user of the torture. It behaves like a careful client: it reconnects, resumes with
 * `since`, and resends unacked messages with the same id. It keeps what it received for the final
 * checks.
 *
 * @module
 */
import { ServerFrame, type ServerFrameOf } from "../../services/contract/mod.ts";
import { tokenFor } from "../harness/system.ts";
import type { Random } from "./random.ts";
import type { RoomView, Sent, UserOptions } from "./records.ts";

/** Shortest and longest time before a user reconnects, milliseconds. */
const RECONNECT_MS = [20, 400] as const;

/** How long a user waits for an ack before it resends the message, milliseconds. */
const RESEND_MS = 2_000;

/** Most unacked messages of a user. */
const MAX_UNACKED = 20;

/** A simulated user. */
export class User {
  readonly id: string;
  readonly rooms = new Map<string, RoomView>();
  readonly sent: Sent[] = [];
  /** Violations of the protocol. */
  readonly faults: string[] = [];
  readonly counts = { connects: 0, recovered: 0, notRecovered: 0, resends: 0, errors: 0 };
  readonly #urls: readonly string[];
  readonly #random: Random;
  readonly #options: UserOptions;
  readonly #unacked = new Map<string, Sent & { at: number }>();
  #socket: WebSocket | undefined;
  #ready = false;
  #stopped = false;
  #next = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    id: string,
    rooms: readonly string[],
    urls: readonly string[],
    random: Random,
    options: UserOptions = {},
  ) {
    this.id = id;
    this.#urls = urls;
    this.#random = random;
    this.#options = options;
    for (const room of rooms) {
      this.rooms.set(room, {
        seen: [],
        lastSeq: 0,
        epoch: "",
        from: 0,
        breaks: [],
        subscribed: false,
        refused: false,
        members: new Set(),
      });
    }
  }

  /** Whether the user is connected and in all its rooms. */
  get settled(): boolean {
    return this.#ready && [...this.rooms.values()].every(({ subscribed }) => subscribed);
  }

  /** Whether the user has left or stopped. */
  get away(): boolean {
    return this.#stopped;
  }

  /** The number of unacked messages. */
  get unacked(): number {
    return this.#unacked.size;
  }

  /** Connects. Reconnects whenever the connection is lost. */
  async connect(): Promise<void> {
    if (this.#stopped) return;
    this.counts.connects++;
    const socket = new WebSocket(this.#random.pick(this.#urls));
    this.#socket = socket;
    const token = await tokenFor(this.id);
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "auth", token }));
    else socket.onopen = () => socket.send(JSON.stringify({ type: "auth", token }));
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#receive(ServerFrame.parse(JSON.parse(data)));
    };
    socket.onerror = () => {};
    let lost = false;
    socket.onclose = ({ code }) => {
      if (lost || socket !== this.#socket) return;
      lost = true;
      if (code >= 4000 && code < 4100) this.faults.push(`closed with ${code}`);
      this.#disconnected();
    };
    if (socket.readyState === WebSocket.CLOSED) this.#disconnected();
  }

  /** Drops the connection, like a bad network. */
  cut(): void {
    this.#socket?.close();
    this.#disconnected();
  }

  /** Publishes one message, unless too many are unacked. */
  publish(): void {
    if (!this.#ready || this.#unacked.size >= MAX_UNACKED) return;
    const room = this.#random.pick([...this.rooms.keys()]);
    const id = `${this.id}-${this.#next++}`;
    const content = `${id} in ${room}`.padEnd(this.#options.padding ?? 0, ".");
    const message = { room, id, content, ackedSeq: null, ackedAt: Infinity };
    this.sent.push(message);
    this.#unacked.set(id, Object.assign(message, { at: performance.now() }));
    this.#sendMessage(message);
  }

  /**
   * Resends messages that have waited too long for their ack, and repeats refused subscriptions.
   */
  tick(): void {
    if (!this.#ready) return;
    const now = performance.now();
    for (const message of this.#unacked.values()) {
      if (now - message.at < RESEND_MS) continue;
      message.at = now;
      this.counts.resends++;
      this.#sendMessage(message);
    }
    for (const [room, view] of this.rooms) if (view.refused) this.#subscribe(room, view);
  }

  /** Disconnects and stays away until {@link return}. */
  leave(): void {
    this.#stopped = true;
    this.cut();
  }

  /** Connects again after {@link leave}. */
  async return(): Promise<void> {
    this.#stopped = false;
    await this.connect();
  }

  /** Disconnects for good. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #disconnected(): void {
    this.#socket = undefined;
    this.#ready = false;
    for (const view of this.rooms.values()) view.subscribed = view.refused = false;
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.connect(), this.#random.between(...RECONNECT_MS));
  }

  #send(frame: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #sendMessage({ room, id, content }: Sent): void {
    if (this.rooms.get(room)!.subscribed) this.#send({ type: "message", room, id, content });
  }

  #subscribe(room: string, view: RoomView): void {
    view.refused = false;
    const { epoch, lastSeq } = view;
    const since = epoch === "" ? undefined : { seq: lastSeq, epoch };
    this.#send({ type: "subscribe", room, since, id: `join-${room}` });
  }

  #receive(frame: ServerFrame): void {
    switch (frame.type) {
      case "authenticated":
        this.#ready = true;
        for (const [room, view] of this.rooms) this.#subscribe(room, view);
        break;
      case "subscribed":
        return this.#subscribed(frame);
      case "room-message":
        return this.#message(frame);
      case "ack":
        return this.#acked(frame);
      case "presence":
        this.rooms.get(frame.room)!.members = new Set(frame.members.map(({ userId }) => userId));
        break;
      case "user-joined":
        this.rooms.get(frame.room)!.members.add(frame.userId);
        break;
      case "user-left":
        this.rooms.get(frame.room)!.members.delete(frame.userId);
        break;
      case "error":
        this.counts.errors++;
        if (frame.id?.startsWith("join-")) this.rooms.get(frame.room!)!.refused = true;
        if (!["unavailable", "rate_limited", "room_not_found"].includes(frame.code)) {
          this.faults.push(`error ${frame.code}: ${frame.message}`);
        }
        break;
      case "user-updated":
      case "reconnect":
      case "pong":
        break;
      default:
        this.faults.push(`an unexpected frame: ${frame.type}`);
    }
  }

  #subscribed({ room, seq, epoch, recovered }: ServerFrameOf<"subscribed">): void {
    const view = this.rooms.get(room)!;
    const first = view.epoch === "";
    view.subscribed = true;
    if (first) {
      view.lastSeq = view.from = seq;
    } else if (!recovered) {
      this.counts.notRecovered++;
      if (!this.#options.mayLose) {
        this.faults.push(`${room} did not recover from ${view.lastSeq} (now at ${seq})`);
      }
      view.breaks.push(view.seen.length);
      view.lastSeq = seq;
    } else {
      this.counts.recovered++;
    }
    view.epoch = epoch;
    this.#send({ type: "presence", room, id: `who-${room}` });
    for (const message of this.#unacked.values()) {
      if (message.room === room) this.#sendMessage(message);
    }
  }

  #message({ room, seq, prev, id, userId, content }: ServerFrameOf<"room-message">): void {
    const view = this.rooms.get(room)!;
    if (!view.subscribed) this.faults.push(`${room}: a message before "subscribed"`);
    if (seq <= view.lastSeq) {
      this.faults.push(`${room}: ${seq} after ${view.lastSeq}`);
    } else if (prev > view.lastSeq && room === this.#options.brief) {
      view.breaks.push(view.seen.length);
    } else if (prev !== view.lastSeq) {
      this.faults.push(`${room}: ${seq} has prev ${prev}, the last one was ${view.lastSeq}`);
    }
    view.lastSeq = seq;
    view.seen.push({ epoch: view.epoch, seq, id, userId, content, at: performance.now() });
  }

  #acked({ id, seq }: ServerFrameOf<"ack">): void {
    const message = this.#unacked.get(id);
    if (message === undefined) return;
    message.ackedSeq = seq;
    message.ackedAt = performance.now();
    this.#unacked.delete(id);
  }
}
