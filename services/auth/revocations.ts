/**
 * Revocations: the endpoints that make them and take them back, and what they mean for a token.
 *
 * @module
 */
import type { Msg, Subscription } from "@nats-io/transport-node";
import {
  AuthRevocations,
  AuthRevoke,
  AuthUnrevoke,
  type Denial,
  type Denied,
  HEADERS,
  isDelivery,
  LAST_TIME,
  REVOKED_EVENTS,
  subjectTokenText,
} from "../contract/mod.ts";
import {
  type Bus,
  createDenialStore,
  denialPage,
  type Denials,
  type DenialStore,
  errorText,
  FaultError,
  followDenials,
  keepDenialsStream,
  replicationOf,
  serve,
} from "../kit/mod.ts";
import type { AuthConfig } from "./config.ts";
import type { VerifyToken } from "./verify.ts";

/** How long a verification waits for the list of revocations, milliseconds. */
const WAIT_MS = 2_000;

/** The revocations of one instance. */
export interface Revocations {
  /** Whether they are known well enough to let anybody in. */
  isFresh(): boolean;
  /** Adds the check for revocations to a verifier, which refuses with the detail `revoked`. */
  check(verify: VerifyToken): VerifyToken;
  /** Stops: requests under way are still answered. */
  stop(): Promise<void>;
}

/** Follows the revocations and serves their endpoints. */
export function serveRevocations(bus: Bus, config: AuthConfig): Revocations {
  const { REVOCATIONS_STALE_MS: staleMs, AUTH_MAX_DENIALS: max } = config;
  const denials = followDenials(bus);
  const store = createDenialStore(bus, denials);
  const stopKeeping = keepDenialsStream(bus, denials, store, {
    max,
    replication: replicationOf(config),
  });
  const subscriptions = serveEndpoints(bus, denials, store, config);
  return {
    isFresh: () => denials.isFresh(staleMs),
    check: (verify) => async (token) => {
      const identity = await verify(token);
      if (!denials.isFresh(staleMs) && !await denials.waitUntilFresh(staleMs, WAIT_MS)) {
        throw new FaultError("unavailable", "the revocations cannot be read", 1_000);
      }
      if (denials.list.isRevoked(identity)) throw new FaultError("unauthorized", "revoked");
      return identity;
    },
    async stop() {
      stopKeeping();
      await Promise.all(subscriptions.map((subscription) => subscription.drain()));
      denials.stop();
    },
  };
}

function serveEndpoints(
  bus: Bus,
  denials: Denials,
  store: DenialStore,
  config: AuthConfig,
): Subscription[] {
  /** When a token that ends at this time has ended on every clock; null if tokens need not end. */
  const endOf = (lastExpiry: number) =>
    config.AUTH_REQUIRE_EXPIRY
      ? Math.min(lastExpiry + config.AUTH_CLOCK_TOLERANCE * 1_000, LAST_TIME)
      : null;
  const lifetime = config.AUTH_MAX_TOKEN_LIFETIME * 1_000;

  const revokeUser = async (userId: string, given?: number, reason?: string): Promise<Denial> => {
    const at = Date.now();
    const before = given ?? at;
    const expiresAt = endOf(before + lifetime);
    if (denials.list.expired(expiresAt)) {
      throw new FaultError("invalid_format", "before: all tokens issued before have expired");
    }
    const revoked = await store.write({ kind: "user", userId }, (stored) => {
      // A revocation never allows again what an earlier one forbids.
      if (stored?.kind === "user" && stored.before >= before) return undefined;
      return { kind: "user", userId, before, at, expiresAt, reason };
    });
    return revoked!;
  };
  const revokeToken = async (tokenId: string, ends?: number, reason?: string): Promise<Denial> => {
    const at = Date.now();
    const expiresAt = ends === undefined ? endOf(at + lifetime) : endOf(ends);
    if (denials.list.expired(expiresAt)) {
      throw new FaultError("invalid_format", "expiresAt: the token has expired");
    }
    const revoked = await store.write(
      { kind: "token", tokenId },
      (stored) =>
        stored === undefined ? { kind: "token", tokenId, at, expiresAt, reason } : undefined,
    );
    return revoked!;
  };
  const revokeByEvent = async (subject: string) => {
    try {
      await revokeUser(subjectTokenText(subject.slice(REVOKED_EVENTS.length - 1)));
    } catch (error) {
      bus.log.error("a revocation was not stored", { error: errorText(error) });
    }
  };

  return [
    serve(bus, AuthRevoke, "auth", async ({ userId, before, tokenId, expiresAt, reason }) => {
      const revoked = userId !== undefined
        ? await revokeUser(userId, before, reason)
        : await revokeToken(tokenId!, expiresAt, reason);
      // Whose it was is in the list of revocations, and in no log.
      bus.log.info("revoked", { kind: revoked.kind, expiresAt: revoked.expiresAt });
      return { revoked };
    }),
    serve(bus, AuthUnrevoke, "auth", async ({ userId, tokenId }) => {
      const denied: Denied = userId !== undefined
        ? { kind: "user", userId }
        : { kind: "token", tokenId: tokenId! };
      return { lifted: await store.lift(denied) };
    }),
    serve(bus, AuthRevocations, "auth", async (query) => {
      await denials.sync().catch(() => {
        throw new FaultError("unavailable", "the revocations cannot be read", 1_000);
      });
      const page = denialPage(denials.list, ({ kind }) => kind !== "ban", query);
      return { ...page, count: denials.list.size };
    }),
    bus.nats.subscribe(REVOKED_EVENTS, {
      queue: "auth",
      callback: (error, message) => {
        if (error === null && isRevocation(message)) void revokeByEvent(message.subject);
      },
    }),
  ];
}

/**
 * Whether a message on `auth.revoked` is a revocation: nothing, or `{}`. Anything else is a reply of
 * another service, or of NATS, that its requester directed there.
 */
function isRevocation({ data, reply, headers }: Msg): boolean {
  if (isDelivery(reply) || data.length > 2) return false;
  if (headers?.keys().some((key) => key !== HEADERS.traceparent) || headers?.hasError) return false;
  const text = new TextDecoder().decode(data);
  return text === "" || text === "{}";
}
