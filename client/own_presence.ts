/**
 * This user's own state in a room: what the application set last, and whether the server has it.
 *
 * @module
 */
import type { ServerFrameOf } from "../services/contract/frames.ts";
import { DEFAULT_RETRY_AFTER_MS } from "./backoff.ts";
import { PRESENCE_ID_PREFIX } from "./frame_ids.ts";
import type { RoomClient } from "./room_client.ts";
import type { Member, PresenceState } from "./types.ts";

/**
 * How long an update waits while the connection is congested or the rate limit is used up,
 * milliseconds. Later states replace it meanwhile. Then it is sent all the same, as a subscription is:
 * queued messages would otherwise use up the limit for as long as there are any.
 */
const CONGESTED_WAIT_MS = 1_000;

/** Errors after which the update is sent again. */
const TEMPORARY_CODES = ["unavailable", "rate_limited"];

let presenceIds = 0;

/** The state of this user in one room, across connections. */
export class OwnPresence {
  /** The id of every update. Tells its refusals from those for an earlier room of the same name. */
  readonly id = `${PRESENCE_ID_PREFIX}${presenceIds++}`;
  readonly #room: string;
  readonly #client: RoomClient;
  readonly #sent: () => void;
  /** What the application set last; null to clear it, undefined if it has set nothing. */
  #state: PresenceState | null | undefined;
  /** Whether the server has yet to receive it on this connection. */
  #isUnsent = false;
  /** Whether the client is in the room. */
  #isActive = false;
  /** Whether a subscription that the server has not answered carries the state. */
  #wasInSubscription = false;
  /** Whether the server refused a subscription that carried the state. */
  #isRefusedInSubscription = false;
  /** The next attempt to send an update; undefined if none is scheduled. */
  #timer: unknown;

  /** `sent`: called when an update was sent. */
  constructor(room: string, client: RoomClient, sent: () => void) {
    this.#room = room;
    this.#client = client;
    this.#sent = sent;
  }

  /** Takes the JSON of a new state, or `null`. Sends it at the end of this turn. */
  set(json: string): void {
    this.#state = JSON.parse(json);
    this.#isUnsent = true;
    queueMicrotask(() => this.#flush(false));
  }

  /** Returns the state for a subscription that is about to be sent, if it carries one. */
  forSubscription(): PresenceState | undefined {
    const state = this.#isRefusedInSubscription ? undefined : this.#state ?? undefined;
    this.#wasInSubscription = state !== undefined;
    // A subscription cannot clear the state that the server may have kept from the last connection.
    this.#isUnsent = this.#state !== undefined && state === undefined;
    return state;
  }

  /**
   * The server refused a subscription for good. Returns whether to subscribe without the state: a user
   * without the right to publish may not set one, and may be allowed in the room.
   */
  retryWithout(code: string): boolean {
    if (!this.#wasInSubscription || code !== "forbidden") return false;
    return this.#isRefusedInSubscription = true;
  }

  /** The client is in the room. Sends the state that the subscription did not carry. */
  start(): void {
    this.#isActive = true;
    this.#wasInSubscription = false;
    this.#flush(false);
  }

  /** The client is no longer in the room. */
  stop(): void {
    this.#isActive = false;
    this.#cancelTimer();
  }

  /** The server refused an update. Returns whether for good: then the state is forgotten. */
  handleRefusal({ code, retryAfter = DEFAULT_RETRY_AFTER_MS }: ServerFrameOf<"error">): boolean {
    this.#isUnsent = TEMPORARY_CODES.includes(code);
    if (this.#isUnsent) this.#flushIn(retryAfter);
    else this.#state = undefined;
    return !this.#isUnsent;
  }

  /** Returns `member` with the state that was set here, if it is this user. */
  applyTo(member: Member): Member {
    if (this.#state === undefined || member.userId !== this.#client.userId()) return member;
    const { userId, username } = member;
    return this.#state === null
      ? { userId, username }
      : { userId, username, presence: this.#state };
  }

  #flush(isOverdue: boolean): void {
    if (!this.#isUnsent || !this.#isActive || this.#timer !== undefined) return;
    if (!isOverdue && this.#client.isCongested()) return this.#flushIn(CONGESTED_WAIT_MS);
    this.#isUnsent = false;
    const frame = { type: "update-presence", room: this.#room, presence: this.#state };
    this.#client.send({ ...frame, id: this.id });
    this.#sent();
  }

  #flushIn(wait: number): void {
    this.#cancelTimer();
    this.#timer = this.#client.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#flush(true);
    }, wait);
  }

  #cancelTimer(): void {
    this.#client.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
