/**
 * Asks rooms what users may do, and remembers the answers for a moment.
 *
 * @module
 */
import { type Grant, RoomName, RoomsGrant } from "../../contract/mod.ts";
import type * as z from "zod";
import type { Bus } from "../bus.ts";
import { FaultError } from "../fault_error.ts";
import { request } from "../requests.ts";
import { currentContext } from "./handlers.ts";

/** How long an answer is remembered, milliseconds: a ban takes so long to be noticed. */
const REMEMBERED_MS = 2_000;

/** Answers that are remembered. A key with a claim of average size takes 300 bytes. */
const MAX_REMEMBERED = 4_096;

/** The largest claim whose answer is remembered, characters of its JSON. */
const MAX_KEY_LENGTH = 2_048;

/** Requests on their way. */
const MAX_ASKED = 256;

/** What is asked. */
export type GrantRequest = z.infer<typeof RoomsGrant.request>;

/** The grants of users. */
export interface Grants {
  /**
   * Returns what holds in a room for a user.
   *
   * @throws {FaultError} `invalid_format` for what is no name of a room; `unavailable` if rooms does not
   * answer, or too many others wait for it
   */
  of(wanted: GrantRequest): Promise<Grant>;
}

/** An answer, or one that is on its way. */
interface Remembered {
  grant: Promise<Grant>;
  /** When it was asked for; a monotonic time in milliseconds. */
  at: number;
}

/** Makes the grants of one service. `now` is a monotonic clock in milliseconds. */
export function createGrants(bus: Bus, now: () => number = () => performance.now()): Grants {
  /** In the order in which they were asked for, so that the first is the oldest. */
  const remembered = new Map<string, Remembered>();
  let asked = 0;

  const ask = async (wanted: GrantRequest): Promise<Grant> => {
    if (asked >= MAX_ASKED) {
      throw new FaultError("unavailable", "too many rights are being asked for", 1_000);
    }
    asked++;
    try {
      return (await request(bus, RoomsGrant, wanted, { context: currentContext() })).grant;
    } finally {
      asked--;
    }
  };

  return {
    async of(wanted) {
      if (!RoomName.safeParse(wanted.room).success) {
        throw new FaultError("invalid_format", "room: expected the name of a room");
      }
      const key = JSON.stringify([wanted.room, wanted.userId, wanted.claim]);
      const known = remembered.get(key);
      if (known !== undefined && now() - known.at < REMEMBERED_MS) return await known.grant;
      const one: Remembered = { grant: ask(wanted), at: now() };
      if (key.length <= MAX_KEY_LENGTH) {
        remembered.delete(key);
        remembered.set(key, one);
        if (remembered.size > MAX_REMEMBERED) {
          remembered.delete(remembered.keys().next().value!);
        }
      }
      try {
        return await one.grant;
      } catch (error) {
        if (remembered.get(key) === one) remembered.delete(key);
        throw error;
      }
    },
  };
}
