/**
 * Presence of one room on this gateway: the roster, and the frames that members here receive about it.
 * In a small room, members receive each join, leave and change of state. In a room of more than 1,000
 * members, or where the namespace says `counts`, they receive the number of members, at most once a
 * second.
 *
 * @module
 */
import {
  MAX_ANNOUNCED_MEMBERS,
  MAX_PRESENCE_PAGE,
  type Member,
  PRESENCE_COUNT_MS,
  type PresenceFact,
  type PresenceMode,
  type RosterPart,
} from "../../contract/mod.ts";
import type { Roster, RosterEvent } from "../../kit/mod.ts";
import { encodeFrame, type Frame } from "../wire/frame.ts";
import type { RoomMember } from "./member.ts";
import type { Presence } from "./presence.ts";

const FRAME_TYPES = {
  joined: "user-joined",
  left: "user-left",
  updated: "user-updated",
} as const satisfies Record<RosterEvent, string>;

/** See the module's doc. */
export class RoomPresence {
  readonly #room: string;
  readonly #presence: Presence;
  readonly #countsOnly: boolean;
  readonly #members: readonly RoomMember[];
  readonly #roster: Roster;
  readonly #unsubscribe: () => void;
  /** Whether the room has had more members than are announced one by one. */
  #many = false;
  #open = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    room: string,
    mode: PresenceMode,
    members: readonly RoomMember[],
    presence: Presence,
  ) {
    this.#room = room;
    this.#presence = presence;
    this.#countsOnly = mode === "counts";
    this.#members = members;
    const { roster, subscription } = presence.open(
      room,
      (event, fact) => this.#changed(event, fact),
    );
    this.#roster = roster;
    this.#unsubscribe = () => subscription.unsubscribe();
  }

  /** How many users are present. */
  get count(): number {
    return this.#roster.count;
  }

  /** Takes what other gateways state about the room. Call it once, before anybody is a member. */
  opened(parts: readonly RosterPart[]): void {
    this.#presence.opened(this.#room, parts);
    this.#many = this.#roster.count > MAX_ANNOUNCED_MEMBERS;
    this.#open = true;
  }

  /** One page of the members in the order of their ids, as far as members here have been told. */
  page(after: string | undefined, limit: number): {
    count: number;
    members: Member[];
    more: boolean;
  } {
    const { count } = this.#roster;
    // In a room of counts nobody is named.
    if (this.#countsOnly) return { count, members: [], more: false };
    const { members, more } = this.#roster.page(after, limit);
    return { count, members: members.map(memberOf), more };
  }

  /** Stops following the room. */
  close(): void {
    clearTimeout(this.#timer);
    this.#unsubscribe();
    this.#presence.close(this.#room);
  }

  #changed(event: RosterEvent, fact: PresenceFact): void {
    if (!this.#open || this.#members.length === 0) return;
    const many = this.#roster.count > MAX_ANNOUNCED_MEMBERS;
    if (this.#countsOnly || many || this.#many) {
      this.#many = many || this.#many;
      return event === "updated" ? undefined : this.#tellCountSoon();
    }
    const { userId, username } = fact;
    const frame = encodeFrame(
      event === "left"
        ? { type: "user-left", room: this.#room, userId, username }
        : { type: FRAME_TYPES[event], room: this.#room, ...memberOf(fact) },
    );
    this.#tell(frame, userId);
  }

  #tellCountSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#tellCount();
    }, PRESENCE_COUNT_MS);
  }

  /** Tells the number alone, or everything once the room is small enough again. */
  #tellCount(): void {
    const { count } = this.#roster;
    const few = !this.#countsOnly && count <= MAX_ANNOUNCED_MEMBERS;
    if (few) this.#many = false;
    const page = few ? this.page(undefined, MAX_PRESENCE_PAGE) : { members: [], more: count > 0 };
    const { members, more } = page;
    this.#tell(encodeFrame({ type: "presence", room: this.#room, count, members, more }));
  }

  /** Sends a frame to the members that see presence, but to none of user `without`. */
  #tell(frame: Frame, without?: string): void {
    const members = this.#members;
    // Backwards: a member whose socket overflows leaves at once, and the last one takes its place.
    for (let i = members.length - 1; i >= 0; i--) {
      const member = members[i];
      if (member === undefined || !member.seesPresence) continue;
      if (member.session.identity?.userId !== without) member.session.sendFrame(frame);
    }
  }
}

function memberOf({ userId, username, presence }: PresenceFact): Member {
  return presence === undefined ? { userId, username } : { userId, username, presence };
}
