/**
 * The members of a room: reads the list page by page, then follows the changes.
 *
 * @module
 */
import type { ServerFrame, ServerFrameOf } from "../services/contract/frames.ts";
import type { HopwireError } from "./errors.ts";
import type { OwnPresence } from "./own_presence.ts";
import type { EmitRoomEvent, SendRequest } from "./room_client.ts";
import type { Member } from "./types.ts";

/** Most members that are listed. Above it the server announces only their number (limits.ts). */
const MAX_MEMBERS = 1_000;

/** The frames about one member. */
type MemberFrameType = "user-joined" | "user-updated" | "user-left";

/** The members of one room. */
export class Roster {
  readonly #room: string;
  readonly #isListed: boolean;
  readonly #request: SendRequest;
  readonly #emit: EmitRoomEvent;
  readonly #own: Pick<OwnPresence, "applyTo">;
  readonly #members = new Map<string, Member>();
  #count: number | undefined;
  /** Rises when a list becomes outdated, so that its remaining pages are ignored. */
  #generation = 0;

  /**
   * `isListed`: whether to keep the list of members, or only their number. `own`: the user's own state,
   * of which the server sends no changes.
   */
  constructor(
    room: string,
    isListed: boolean,
    request: SendRequest,
    emit: EmitRoomEvent,
    own: Pick<OwnPresence, "applyTo">,
  ) {
    this.#own = own;
    this.#room = room;
    this.#isListed = isListed;
    this.#request = request;
    this.#emit = emit;
  }

  /** The members by user id. */
  get members(): ReadonlyMap<string, Member> {
    return this.#members;
  }

  /** The number of members; undefined if the server does not tell. */
  get count(): number | undefined {
    return this.#count;
  }

  /** The room was joined and has `count` members. Emits `members`. */
  start(count: number | undefined): void {
    this.#setCount(count);
  }

  /** Reads the list of members, unless it is not wanted, not available or too long. */
  load(): void {
    const count = this.#count;
    if (this.#isListed && count !== undefined && count <= MAX_MEMBERS) void this.#readPages();
  }

  /** The client is no longer in the room. */
  stop(): void {
    this.#generation++;
  }

  /**
   * A user joined, changed or left. Emits `member-joined`, `member-updated` or `member-left`, and
   * `members` if somebody came or went.
   */
  change({ type, room: _, ...member }: ServerFrameOf<MemberFrameType>): void {
    const { userId } = member;
    const wasListed = this.#members.has(userId);
    if (type === "user-updated") {
      if (wasListed) this.#list(member);
      this.#emit("member-updated", member);
    } else if (type === "user-joined") {
      this.#list(member);
      if (!wasListed) this.#setCount((this.#count ?? 0) + 1);
      this.#emit("member-joined", member);
    } else {
      this.#members.delete(userId);
      if (wasListed || !this.#isListed) this.#setCount(Math.max(0, (this.#count ?? 1) - 1));
      this.#emit("member-left", member);
    }
  }

  /** The state of user `userId` was set here. Emits `member-updated` if the user is listed. */
  ownStateSet(userId: string | undefined): void {
    const listed = this.#members.get(userId ?? "");
    if (listed === undefined) return;
    const member = this.#own.applyTo(listed);
    this.#list(member);
    this.#emit("member-updated", member);
  }

  /** Replaces the list by an unsolicited `presence` frame. Emits `members`. */
  replace(frame: ServerFrameOf<"presence">): void {
    this.#members.clear();
    this.#addPage(frame);
  }

  async #readPages(): Promise<void> {
    const generation = ++this.#generation;
    try {
      let after: string | undefined;
      for (;;) {
        const frame = { type: "presence", room: this.#room, after };
        // Add the page before the frames that follow it are handled. They may arrive in the same
        // packet, and the page must not undo the joins and leaves in them.
        const onAnswer = (answer: ServerFrame) => {
          if (generation !== this.#generation) return;
          if (after === undefined) this.#members.clear();
          this.#addPage(answer as ServerFrameOf<"presence">);
        };
        const page = await this.#request(frame, { onAnswer }) as ServerFrameOf<"presence">;
        if (generation !== this.#generation) return;
        after = page.members.at(-1)?.userId;
        if (!page.more || after === undefined || this.#members.size >= MAX_MEMBERS) return;
      }
    } catch (error) {
      if (generation === this.#generation) this.#emit("error", error as HopwireError);
    }
  }

  #addPage({ members, count }: ServerFrameOf<"presence">): void {
    for (const member of members) this.#list(member);
    this.#setCount(count);
  }

  #list(member: Member): void {
    if (this.#isListed && (this.#members.size < MAX_MEMBERS || this.#members.has(member.userId))) {
      this.#members.set(member.userId, this.#own.applyTo(member));
    }
  }

  #setCount(count: number | undefined): void {
    this.#count = count;
    if (count !== undefined) this.#emit("members", { count });
  }
}
