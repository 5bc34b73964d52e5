/**
 * Who is let in, and who has to leave: verified tokens that are not revoked, and users who are not banned
 * from a room. It follows the list of denials, and trusts nobody while that list is out of reach for too
 * long.
 *
 * @module
 */
import { type Denial, type Identity, KickedEvent, ROOM_KICKED } from "../../../contract/mod.ts";
import { type Bus, FaultError, faultOf, followDenials, subscribe } from "../../../kit/mod.ts";

/** How long an authentication waits for a list that is out of reach, milliseconds. */
const WAIT_MS = 2_000;

/** How often a gateway checks whether the list is out of reach, milliseconds. */
const CHECK_MS = 1_000;

/** What access needs. */
export interface AccessDeps {
  bus: Bus;
  /** How long the list may be out of reach, milliseconds. */
  staleMs: number;
  /** Verifies a token. Throws a FaultError if it is refused. */
  verify(token: string): Promise<Identity>;
  /** Counts refused authentications. */
  stats: { authenticationsRefused: number };
  /** Logs them. */
  refused: { add(address: string, reason: string): void; flush(): void };
}

/** What access does to sessions. */
export interface AccessEffects {
  /** Tokens were revoked: closes their sessions. */
  closeRevoked(): void;
  /** A user has to leave a room. */
  expel(userId: string, room: string, why: "kicked" | "banned", message?: string): void;
  /** The list has been out of reach for too long: closes every session. */
  closeAll(): void;
}

/** Who is let in. */
export interface Access {
  /**
   * Returns the identity of a token's bearer, whose client has `address`.
   *
   * @throws {FaultError} if the token is refused or revoked, or nobody can tell
   */
  verify(token: string, address: string): Promise<Identity>;
  /** Whether a token is revoked, as far as this gateway knows. */
  isRevoked(identity: Identity): boolean;
  /** @throws {FaultError} `forbidden` if the user is banned from the room */
  requireNotBanned(userId: string, room: string): void;
  /** Whether the list is known well enough to let anybody in. */
  isFresh(): boolean;
  /** Begins to apply what is denied from now on. */
  start(effects: AccessEffects): void;
  /** Stops. */
  stop(): void;
}

/** Follows the denials for one gateway. */
export function createAccess({ bus, staleMs, verify, stats, refused }: AccessDeps): Access {
  const denials = followDenials(bus);
  const { list } = denials;
  const stops: (() => void)[] = [() => denials.stop(), () => refused.flush()];
  const isFresh = () => denials.isFresh(staleMs);

  const verified = async (token: string): Promise<Identity> => {
    const identity = await verify(token);
    if (!isFresh() && !await denials.waitUntilFresh(staleMs, WAIT_MS)) {
      throw new FaultError("unavailable", "the revocations cannot be read", 1_000);
    }
    if (list.isRevoked(identity)) throw new FaultError("unauthorized", "the token is revoked");
    return identity;
  };
  return {
    async verify(token, address) {
      try {
        return await verified(token);
      } catch (error) {
        const { code, message } = faultOf(error);
        if (code !== "unavailable") {
          stats.authenticationsRefused++;
          refused.add(address, message);
        }
        throw error;
      }
    },
    isRevoked: (identity) => list.isRevoked(identity),
    requireNotBanned(userId, room) {
      const ban = list.banOf(userId, room);
      if (ban !== undefined) throw new FaultError("forbidden", describeBan(ban, room));
    },
    isFresh,
    start({ closeRevoked, expel, closeAll }) {
      denials.onChange((added) => {
        const now = added.filter((denial) => list.inForce(denial));
        if (now.some(({ kind }) => kind !== "ban")) closeRevoked();
        for (const denial of now) {
          if (denial.kind === "ban") expel(denial.userId, denial.room, "banned", denial.reason);
        }
      });
      const kicks = subscribe(bus, ROOM_KICKED, KickedEvent, ({ userId, room, reason }) => {
        expel(userId, room, "kicked", reason);
      });
      let wasFresh = isFresh();
      const timer = setInterval(() => {
        if (wasFresh && !isFresh()) {
          bus.log.error("the revocations cannot be read: closing all connections", { staleMs });
          closeAll();
        }
        wasFresh = isFresh();
      }, CHECK_MS);
      stops.push(() => kicks.unsubscribe(), () => clearInterval(timer));
    },
    stop() {
      for (const stop of stops) stop();
    },
  };
}

function describeBan({ expiresAt, reason }: Denial, room: string): string {
  const until = expiresAt === null ? "" : ` until ${new Date(expiresAt).toISOString()}`;
  return `banned from ${room}${until}${reason ? `: ${reason}` : ""}`;
}
