/**
 * One room on this gateway: its members here, its recent messages, and the NATS subscriptions that
 * feed it. Fan-out is here: one frame a message, the same bytes to every member.
 *
 * @module
 */
import type { Msg, Subscription } from "@nats-io/transport-node";
import { type Grant, HEADERS, liveSubject, RoomEvent, signalSubject } from "../contract/mod.ts";
import {
  type Bus,
  contextOf,
  errorText,
  isSampled,
  natsAttributes,
  SpanKind,
  startHop,
} from "../kit/mod.ts";
import { type Frame, messageFrame, signalFrame } from "./frame.ts";
import type { HistoryReader } from "./history_reader.ts";
import type { Membership } from "./membership.ts";
import { RoomPresence } from "./room_presence.ts";
import { type Entry, Sequencer } from "./sequencer.ts";
import type { Stats } from "./stats.ts";
import { Window, type WindowBudget } from "./window.ts";

/** What a room needs of its gateway. */
export interface RoomDeps {
  bus: Bus;
  history: HistoryReader;
  stats: Stats;
  windows: WindowBudget;
  /** The seq of the room's last stored message; 0 where there is none. */
  lastSeq(room: string): Promise<number>;
}

/** See the module's doc. Made by the room table alone. */
export class Room {
  readonly name: string;
  readonly stored: boolean;
  readonly members: Membership[] = [];
  readonly window: Window;
  readonly #deps: RoomDeps;
  readonly #sequencer: Sequencer;
  readonly #presence: RoomPresence | null;
  readonly #subscriptions: Subscription[];

  constructor(name: string, { stored, presence }: Grant, deps: RoomDeps) {
    this.name = name;
    this.stored = stored;
    this.window = new Window(deps.windows);
    this.#deps = deps;
    this.#sequencer = new Sequencer({
      deliver: (entry, prev) => this.#deliver(entry, prev),
      read: (after, upTo) => deps.history.entries(name, after, upTo),
      repairing: (after, upTo) => {
        deps.stats.repairs++;
        deps.bus.log.debug("repairing a room", { room: name, after, upTo });
      },
      failed: (error) => {
        deps.bus.log.warn("a room waits for its archive", { room: name, error: errorText(error) });
      },
    });
    const { bus } = deps;
    this.#subscriptions = [
      bus.nats.subscribe(liveSubject(name), {
        callback: (error, message) => {
          if (error === null) this.#live(message);
        },
      }),
      bus.nats.subscribe(signalSubject(name), {
        callback: (error, message) => {
          if (error === null) this.#signal(message);
        },
      }),
    ];
    this.#presence = presence === "off"
      ? null
      : new RoomPresence(name, presence, this.members, bus);
  }

  /** The seq of the last message delivered here. */
  get head(): number {
    return this.#sequencer.head;
  }

  /** Finds where the room's log ends and follows it from there. To be called once. */
  async open(): Promise<void> {
    if (!this.stored) return;
    // The subscriptions must be known to the server before the head is read, else a message
    // between the two would be missed until the next one shows the gap.
    await this.#deps.bus.nats.flush();
    const head = await this.#deps.lastSeq(this.name);
    this.window.reset(head);
    this.#sequencer.begin(head);
    await this.#sequencer.settled();
  }

  /** Adds a member. */
  add(membership: Membership): void {
    membership.index = this.members.length;
    this.members.push(membership);
  }

  /** Takes a member out; the last one takes its place. */
  remove(membership: Membership): void {
    const { index } = membership;
    if (index < 0) return;
    membership.index = -1;
    const last = this.members.pop()!;
    if (last === membership) return;
    this.members[index] = last;
    last.index = index;
  }

  /** Delivers nothing until {@link resume}: NATS is gone, so messages may be missed. */
  suspend(): void {
    this.#sequencer.suspend();
  }

  /** Goes on once it is known how far the log reaches, reading what was missed. */
  async resume(): Promise<void> {
    if (this.stored) this.#sequencer.resume(await this.#deps.lastSeq(this.name));
    this.#presence?.refresh();
  }

  /** Makes sure that everything stored so far has been delivered here. */
  async catchUp(): Promise<void> {
    this.#sequencer.reach(await this.#deps.lastSeq(this.name));
    await this.#sequencer.settled();
  }

  /** Stops listening. */
  close(): void {
    this.#sequencer.stop();
    this.#presence?.close();
    this.window.reset(0);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  #live(message: Msg): void {
    const headers = message.headers;
    const sequence = headers?.get(HEADERS.sequence);
    const traceparent = headers?.get(HEADERS.traceparent) || undefined;
    const event = headers?.get(HEADERS.checked) ? message.data : checked(message.data, this.name);
    if (event === null) {
      if (!sequence) return;
      // Stored all the same, so it keeps its place: the archive shows it the same way.
      this.#deps.bus.log.warn("an invalid event was published", { subject: message.subject });
      const entry = invalidEntry(this.name, Number(sequence), Date.now());
      this.#sequencer.accept({ ...entry, prev: Number(headers!.get(HEADERS.lastSequence)) });
    } else if (sequence) {
      const prev = Number(headers!.get(HEADERS.lastSequence));
      this.#sequencer.accept({ seq: Number(sequence), prev, event, traceparent });
    } else if (!this.stored) {
      this.#deliver({ seq: 0, prev: 0, event, traceparent }, 0);
    }
  }

  #deliver(entry: Entry, prev: number): void {
    const frame = messageFrame(entry.event, entry.seq, prev);
    if (frame === null) return;
    const hop = isSampled(entry.traceparent)
      ? startHop(
        "deliver room.live",
        SpanKind.CONSUMER,
        contextOf(entry.traceparent),
        {
          ...natsAttributes("process", liveSubject(this.name)),
          "hopwire.room": this.name,
          "hopwire.seq": entry.seq,
          "hopwire.fanout": this.members.length,
        },
      )
      : null;
    if (this.stored) this.window.push({ seq: entry.seq, frame });
    this.#fanOut(frame);
    hop?.end();
  }

  #fanOut(frame: Frame): void {
    const { members } = this;
    for (let i = 0; i < members.length; i++) members[i]!.session.peer.send(frame);
    this.#deps.stats.deliveries += members.length;
  }

  #signal(message: Msg): void {
    const frame = signalFrame(message.data);
    if (frame === null) return;
    const { members } = this;
    for (let i = 0; i < members.length; i++) members[i]!.session.peer.sendDroppable(frame);
  }
}

/** An event from a publisher that is no gateway, if it is one: parsed once, by its schema. */
function checked(data: Uint8Array, room: string): Uint8Array | null {
  try {
    const parsed = RoomEvent.safeParse(JSON.parse(new TextDecoder().decode(data)));
    if (!parsed.success || parsed.data.room !== room) return null;
    return new TextEncoder().encode(JSON.stringify(parsed.data));
  } catch {
    return null;
  }
}

/** What stands in the place of a stored event that is not valid. */
function invalidEntry(room: string, seq: number, timestamp: number): Omit<Entry, "prev"> {
  const id = `invalid-${seq}`;
  const event: RoomEvent = { room, id, userId: "unknown", username: "", content: null, timestamp };
  return { seq, event: new TextEncoder().encode(JSON.stringify(event)) };
}
