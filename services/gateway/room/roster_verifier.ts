/**
 * Compares the rosters of this gateway's rooms with those of rooms, so that a missed last statement of a
 * quiet room is found.
 *
 * @module
 */
import { MAX_VERIFIED_ROOMS, RoomsVerify } from "../../contract/mod.ts";
import {
  type Bus,
  errorText,
  fingerprintOf,
  type PresenceFollower,
  request,
  unrecordedRoot,
} from "../../kit/mod.ts";

/** How often all rosters are compared with rooms: spread over this time, milliseconds. */
const VERIFY_MS = 30_000;
const VERIFY_TURNS = 30;

/**
 * When rosters are compared after something may have been missed, milliseconds: rooms needs about a
 * second to notice by itself, and is asked once more in case it was late.
 */
const VERIFY_SOON_MS = [2_000, 6_000];

/** See the module's doc. */
export class RosterVerifier {
  readonly #bus: Bus;
  readonly #gateway: string;
  readonly #follower: PresenceFollower;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #lateTimers = new Set<ReturnType<typeof setTimeout>>();
  /** Rooms still to be compared in this round. */
  #unverified: string[] = [];
  #verifying = false;
  #verifyAgain = false;
  #stopped = false;

  /** Begins the first round. `gateway` is the own one, whose statements are not compared. */
  constructor(bus: Bus, gateway: string, follower: PresenceFollower) {
    this.#bus = bus;
    this.#gateway = gateway;
    this.#follower = follower;
    this.#timer = setInterval(() => void this.#verifyNext(), VERIFY_MS / VERIFY_TURNS);
  }

  /** Compares nothing more. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    for (const timer of this.#lateTimers) clearTimeout(timer);
  }

  /** Compares all rosters soon, twice: something may have been missed. */
  verifySoon(): void {
    // While one is planned, another is planned after it: a gateway may appear just before.
    if (this.#lateTimers.size > 0) {
      this.#verifyAgain = true;
      return;
    }
    if (this.#stopped) return;
    for (const wait of VERIFY_SOON_MS) {
      const timer = setTimeout(() => {
        this.#lateTimers.delete(timer);
        this.#unverified = [...this.#follower.rooms()];
        void this.#verifyUpTo(Infinity);
        if (this.#lateTimers.size > 0 || !this.#verifyAgain) return;
        this.#verifyAgain = false;
        this.verifySoon();
      }, wait * (1 + Math.random() / 4));
      this.#lateTimers.add(timer);
    }
  }

  /** Compares the next rooms, so that a round takes {@link VERIFY_MS}. */
  async #verifyNext(): Promise<void> {
    if (this.#unverified.length === 0) this.#unverified = [...this.#follower.rooms()];
    await this.#verifyUpTo(Math.ceil(this.#follower.size.rooms / VERIFY_TURNS));
  }

  async #verifyUpTo(count: number): Promise<void> {
    for (let left = count; left > 0 && !this.#stopped; left -= MAX_VERIFIED_ROOMS) {
      if (!await this.#verify(Math.min(left, MAX_VERIFIED_ROOMS))) return;
    }
  }

  /** Compares up to `count` rosters with rooms. Returns false if that failed. */
  async #verify(count: number): Promise<boolean> {
    if (this.#verifying || !this.#bus.connected) return false;
    const rooms = this.#unverified.splice(0, count);
    const asked = rooms.map((room) => ({
      room,
      fingerprint: fingerprintOf(this.#follower.roster(room), this.#gateway),
    }));
    if (asked.length === 0) return false;
    this.#verifying = true;
    try {
      const gateway = this.#gateway;
      const { differ } = await request(this.#bus, RoomsVerify, { gateway, rooms: asked }, {
        context: unrecordedRoot(),
      });
      const before = new Map(asked.map(({ room, fingerprint }) => [room, fingerprint]));
      for (const { room, gateways } of differ) {
        const numbers = new Map(gateways.map(({ gateway, n }) => [gateway, n]));
        this.#follower.reconcile(room, before.get(room) ?? 0, numbers);
      }
      return true;
    } catch (error) {
      this.#bus.log.debug("could not compare rosters with rooms", { error: errorText(error) });
      this.#unverified.push(...rooms);
      return false;
    } finally {
      this.#verifying = false;
    }
  }
}
