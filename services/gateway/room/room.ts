/**
 * One room on this gateway: its local members, its recent messages, and the NATS subscriptions that feed it.
 * Fan-out starts here: the room builds one frame per message and every member gets the same bytes.
 *
 * @module
 */
import type { Msg, Subscription } from "@nats-io/transport-node";
import {
  type Grant,
  HEADERS,
  isDelivery,
  liveSubject,
  RoomEvent,
  SignalEvent,
  signalSubject,
  unstoredSubject,
} from "../../contract/mod.ts";
import {
  errorText,
  FaultError,
  hasWireHeader,
  headerName,
  hopDurationsOf,
  recordedTraceparent,
  wireHeaderNumber,
  withDeadline,
} from "../../kit/mod.ts";
import { arrivalOf, type Destination } from "./delivery_hops.ts";
import { Feed } from "./feed.ts";
import { encodeFrame, messageFrame, signalFrame } from "../wire/frame.ts";
import { erasedFrame } from "./erased.ts";
import { invalidEntry, validatedEvent } from "./foreign_event.ts";
import type { RoomMember } from "./member.ts";
import type { RoomDeps } from "./room_deps.ts";
import { RoomPresence } from "./room_presence.ts";
import { type Entry, Sequencer } from "./sequencer.ts";
import { Window } from "./window.ts";

/** How long a caller waits for a room's repair, milliseconds. A read of the archive takes up to 4 s. */
const REPAIR_DEADLINE_MS = 4_000;

const SEQUENCE = headerName(HEADERS.sequence);
const LAST_SEQUENCE = headerName(HEADERS.lastSequence);
const CHECKED = headerName(HEADERS.checked);

/** See the module's doc. Only the room table creates rooms. */
export class Room {
  readonly name: string;
  readonly stored: boolean;
  readonly members: RoomMember[] = [];
  readonly window: Window;
  readonly #deps: RoomDeps;
  /** The stream that stores the room's messages. */
  #log: ReturnType<RoomDeps["logOf"]>;
  readonly #feed: Feed;
  readonly #sequencer: Sequencer;
  /** Null if the room has no presence. */
  readonly presence: RoomPresence | null;
  readonly #subscriptions: Subscription[];
  readonly #messages: Destination;
  readonly #signals: Destination;
  /** Counts erasures: what was read before the last one may hold what was erased. */
  erasures = 0;
  /** Whether the window holds every message after its floor. */
  #complete = true;

  constructor(name: string, { stored, presence, namespace }: Grant, deps: RoomDeps) {
    this.name = name;
    const hops = hopDurationsOf(namespace);
    this.#messages = { room: name, hops, signal: false };
    this.#signals = { room: name, hops, signal: true };
    this.stored = stored;
    this.window = new Window(deps.windows);
    this.#deps = deps;
    this.#log = deps.logOf(name);
    this.#feed = new Feed(this.members, deps.flushes);
    this.#sequencer = new Sequencer({
      deliver: (entry, prev) => this.#deliver(entry, prev),
      read: (after, upTo) => deps.history.entries(name, after, upTo),
      missed: (upTo) => this.window.reset(upTo),
      repairing: (after, upTo) => {
        deps.stats.repairs++;
        deps.bus.log.debug("repairing a room", { room: name, after, upTo });
      },
      stale: () => this.#log.checkIdentity(),
      failed: (error) => {
        deps.bus.log.warn("a room is waiting for the archive", {
          room: name,
          error: errorText(error),
        });
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
    if (!stored) {
      this.#subscriptions.push(bus.nats.subscribe(unstoredSubject(name), {
        callback: (error, message) => {
          if (error === null) this.#live(message);
        },
      }));
    }
    this.presence = presence === "off"
      ? null
      : new RoomPresence(name, presence, this.members, deps.presence);
  }

  /** The seq of the last message delivered here. */
  get head(): number {
    return this.#sequencer.head;
  }

  /**
   * Finds where the room's log ends and who is in it, and follows both from there. Call it once.
   *
   * @throws {FaultError} `unavailable` if the log, the archive or rooms cannot be reached
   */
  async open(): Promise<void> {
    await Promise.all([this.#openLog(), this.#openPresence()]);
  }

  async #openPresence(): Promise<void> {
    if (this.presence !== null) this.presence.opened(await this.#deps.roster(this.name));
  }

  /**
   * The server must know the subscriptions before the head is read, or a message between the two would be
   * missed. It takes what one connection sends in order. Without a head to read, a flush makes sure of it.
   */
  async #openLog(): Promise<void> {
    if (!this.stored) return await this.#deps.bus.nats.flush();
    const { seq, known } = await this.#deps.readHead(this.name);
    this.#complete = known;
    this.window.reset(seq);
    this.#sequencer.begin(seq);
    await this.#repaired();
  }

  /**
   * Makes sure that the window holds every message after its floor: not if it opened without the archive.
   *
   * @throws {FaultError} `unavailable` while nobody can tell
   */
  async ensureComplete(): Promise<void> {
    if (this.#complete) return;
    const { known } = await this.#deps.readHead(this.name);
    if (!known && this.head === 0) {
      throw new FaultError("unavailable", "the archive is unreachable", 1_000);
    }
    this.window.reset(this.head);
    this.#complete = true;
  }

  /** Adds a member, unless its session has closed meanwhile. */
  add(member: RoomMember): void {
    if (member.session.closed) return;
    member.index = this.members.length;
    // The member has seen what is still queued in the feed: the caller has replayed up to the head.
    member.feedPosition = this.#feed.length;
    this.members.push(member);
  }

  /** Sends a member what the feed has queued for it. Call it before sending to that member alone. */
  flushTo(member: RoomMember): void {
    if (member.index >= 0) this.#feed.flushTo(member);
  }

  /** Removes a member. The last member takes its index. */
  remove(member: RoomMember): void {
    const { index } = member;
    if (index < 0) return;
    if (!member.session.closed) this.flushTo(member);
    // That flush may have overflowed a slow reader's buffer, which removes the member.
    if (member.index < 0) return;
    member.index = -1;
    const last = this.members.pop()!;
    if (last === member) return;
    this.members[index] = last;
    last.index = index;
  }

  /** Holds deliveries until {@link resume}: without NATS, messages may be missed. */
  suspend(): void {
    this.#sequencer.suspend();
  }

  /** Whether its log is in another stream than it was. */
  get moved(): boolean {
    return this.#deps.logOf(this.name) !== this.#log;
  }

  /** Resumes delivery from the log's present end and repairs what was missed. */
  async resume(): Promise<void> {
    this.#log = this.#deps.logOf(this.name);
    // Messages may have been erased meanwhile.
    this.window.reset(Math.max(this.head, this.window.floor));
    if (this.stored) this.#sequencer.resume((await this.#deps.readHead(this.name)).seq);
  }

  /**
   * Waits until everything stored so far has been delivered here.
   *
   * @throws {FaultError} `unavailable` if that takes longer than {@link REPAIR_DEADLINE_MS}
   */
  async catchUp(): Promise<void> {
    this.#sequencer.repairUpTo((await this.#deps.readHead(this.name)).seq);
    await this.#repaired();
  }

  /** Repairs what is missing up to the seq `head`, which the room's log has reached. */
  missed(head: number): void {
    if (this.stored && head > this.head) this.#sequencer.repairUpTo(head);
  }

  #repaired(): Promise<void> {
    // Usually nothing is missing. Then there is no need for a timer.
    if (this.#sequencer.live) return Promise.resolve();
    const late = () => new FaultError("unavailable", "the room is waiting for the archive", 1_000);
    return withDeadline(this.#sequencer.repaired(), REPAIR_DEADLINE_MS, late);
  }

  /** Stops listening. */
  close(): void {
    this.#sequencer.stop();
    this.presence?.close();
    this.window.reset(0);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  /** Drops the content of erased messages and tells the members. */
  erase(seqs: readonly number[]): void {
    this.erasures++;
    for (const seq of seqs) {
      this.#log.anchors.forget(seq);
      this.window.replace(seq, erasedFrame);
      this.#feed.push(encodeFrame({ type: "message-erased", room: this.name, seq }));
    }
  }

  #live(message: Msg): void {
    if (isDelivery(message.reply)) return;
    const seq = wireHeaderNumber(message, SEQUENCE);
    const own = hasWireHeader(message, CHECKED);
    const event = own ? message.data : validatedEvent(message.data, this.name, RoomEvent);
    const arrival = arrivalOf(message, own);
    if (!this.stored) {
      if (event !== null) this.#deliver({ seq: 0, prev: 0, event, arrival }, 0);
      return;
    }
    if (Number.isNaN(seq)) return; // Only copies that the server republished carry one.
    const prev = wireHeaderNumber(message, LAST_SEQUENCE);
    if (seq < this.#log.end) this.#log.anchors.note(seq, message.data);
    else {
      // The room is in another stream now, which does not know what came before.
      this.#sequencer.suspend();
      this.#log.checkIdentity(true);
    }
    if (event !== null) return this.#sequencer.accept({ seq, prev, event, arrival });
    // It is stored, so it keeps its place in the order. The archive shows the same placeholder.
    this.#deps.bus.log.warn("replaced an invalid event by a placeholder", {
      subject: message.subject,
    });
    this.#sequencer.accept({ ...invalidEntry(this.name, seq, Date.now()), prev });
  }

  #deliver(entry: Entry, prev: number): void {
    const frame = messageFrame(entry.event, entry.seq, prev);
    if (frame === null) return;
    if (this.stored) this.window.push({ seq: entry.seq, frame });
    const { arrival } = entry;
    const { length } = this.members;
    this.#deps.stats.deliveries += length;
    this.#feed.push(frame, false, arrival && recordedTraceparent(arrival.message));
    if (arrival) this.#deps.deliveries.note(arrival, this.#messages, entry.seq, length);
  }

  #signal(message: Msg): void {
    if (isDelivery(message.reply)) return;
    const { data, subject } = message;
    const own = hasWireHeader(message, CHECKED);
    const event = own ? data : validatedEvent(data, this.name, SignalEvent);
    const frame = event === null ? null : signalFrame(event);
    if (frame === null) {
      return this.#deps.bus.log.warn("dropped an invalid signal", { subject });
    }
    this.#feed.push(frame, true);
    const arrival = arrivalOf(message, own);
    if (arrival) this.#deps.deliveries.note(arrival, this.#signals, 0, this.members.length);
  }
}
