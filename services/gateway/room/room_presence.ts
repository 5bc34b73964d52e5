/**
 * What a room's members are told of who is there: each join and leave while they are few; only the
 * number, once a second at most, when they are many or the namespace says so; and everything anew
 * after something may have been missed.
 *
 * @module
 */
import type { Subscription } from "@nats-io/transport-node";
import {
  MAX_ANNOUNCED_MEMBERS,
  MAX_PRESENCE_PAGE,
  PRESENCE_COUNT_MS,
  PresenceEvent,
  type PresenceMode,
  presenceSubject,
  RoomsPresence,
} from "../../contract/mod.ts";
import {
  type Bus,
  type Context,
  errorText,
  FaultError,
  request,
  subscribe,
} from "../../kit/mod.ts";
import { encodeFrame } from "../wire/frame.ts";
import type { RoomMember } from "./member.ts";
import { type PresencePage, RecentChanges, withChanges } from "./presence_page.ts";

/** Times that rooms is asked for what has changed too much since. */
const MAX_TRIES = 3;

/** Wait before the state is asked again when that failed, milliseconds. */
const RETRY_MS = 1_000;

/** See the module's doc. */
export class RoomPresence {
  readonly #room: string;
  readonly #bus: Bus;
  readonly #counts: boolean;
  readonly #members: readonly RoomMember[];
  readonly #subscription: Subscription;
  #many = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #revision = 0;
  readonly #recent = new RecentChanges();

  constructor(room: string, mode: PresenceMode, members: readonly RoomMember[], bus: Bus) {
    this.#room = room;
    this.#bus = bus;
    this.#counts = mode === "counts";
    this.#members = members;
    this.#subscription = subscribe(
      bus,
      presenceSubject(room, "*"),
      PresenceEvent,
      (event, { sequence }) => this.#changed(event, sequence),
    );
  }

  /**
   * Who is here, as far as this gateway's members have been told and at least as `revision` knows it.
   *
   * @throws {FaultError} what rooms refuses with; `unavailable` where too much changes meanwhile
   */
  async page(
    query: { after?: string; limit: number; revision: number },
    context?: Context,
  ): Promise<Omit<PresencePage, "revision">> {
    const { after, limit } = query;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const revision = Math.max(query.revision, this.#revision);
      const asked = { room: this.#room, after, limit, revision };
      const page = await request(this.#bus, RoomsPresence, asked, { context });
      const changes = this.#recent.after(page.revision);
      if (changes !== null) return withChanges(page, changes, { after, named: !this.#counts });
    }
    throw new FaultError("unavailable", "presence changes too fast", 1_000);
  }

  /** Tells the members the state anew: changes may have been missed. */
  refresh(): void {
    this.#revision = 0;
    this.#recent.clear();
    this.#tellSoon(0);
  }

  /** Stops listening and telling. */
  close(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#subscription.unsubscribe();
  }

  #changed({ change, userId, username, count }: PresenceEvent, sequence: number): void {
    this.#revision = Math.max(this.#revision, sequence);
    if (change === "seen") return;
    this.#recent.add({ revision: sequence, joined: change === "joined", userId, username });
    this.#many = count > MAX_ANNOUNCED_MEMBERS;
    if (this.#counts || this.#many) return this.#tellSoon(PRESENCE_COUNT_MS);
    const type = change === "joined" ? "user-joined" : "user-left";
    const frame = encodeFrame({ type, room: this.#room, userId, username });
    const members = this.#members;
    for (let i = members.length - 1; i >= 0; i--) {
      const { session, seesPresence } = members[i]!;
      // A user's own connections are not told of themselves.
      if (seesPresence && session.identity?.userId !== userId) session.sendFrame(frame);
    }
  }

  #tellSoon(wait: number): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#timer = setTimeout(() => void this.#tell(), wait);
  }

  async #tell(): Promise<void> {
    this.#timer = undefined;
    if (this.#members.length === 0) return;
    const room = this.#room;
    const limit = this.#counts || this.#many ? 1 : MAX_PRESENCE_PAGE;
    try {
      const state = await this.page({ limit, revision: 0 });
      if (this.#stopped) return;
      const few = limit > 1 && state.count <= MAX_ANNOUNCED_MEMBERS;
      const frame = encodeFrame({
        type: "presence",
        room,
        count: state.count,
        members: few ? state.members : [],
        more: few ? state.more : state.count > 0,
      });
      const members = this.#members;
      for (let i = members.length - 1; i >= 0; i--) {
        const { session, seesPresence } = members[i]!;
        if (seesPresence) session.sendFrame(frame);
      }
    } catch (error) {
      this.#bus.log.debug("presence could not be told", { room, error: errorText(error) });
      this.#tellSoon(RETRY_MS);
    }
  }
}
