/**
 * What sixteen connections of one user may do to a gateway.
 *
 * @module
 */

/** The room whose history they read. */
export const ROOM = "lobby";

/** The attacks. */
export const ATTACKS = [
  "pages of history",
  "pages unread",
  "many pings",
  "large frames",
  "no JSON",
  "messages",
  "signals",
  "invented rooms",
  "joining again",
  "calls",
  "bad tokens",
  "connections",
] as const;
/** The name of an attack. */
export type Attack = typeof ATTACKS[number];

/** How an attack is made. */
export interface AttackPlan {
  /** Whether what comes back is read. */
  reads: boolean;
  /** Whether the connections have a token that is good; with `bad` they present another one. */
  token: "good" | "bad";
  /** Frames to begin with. */
  first: object[];
  /** The nth frame after that; null closes the connection instead and opens another one. */
  next(n: number): string | null;
}

const frame = (value: object) => JSON.stringify(value);

/** The plan of an attack. */
export function planOf(name: Attack): AttackPlan {
  const join = { type: "subscribe", room: ROOM };
  const plan = (next: AttackPlan["next"], more: Partial<AttackPlan> = {}): AttackPlan => ({
    reads: true,
    token: "good",
    first: [join],
    next,
    ...more,
  });
  const page = (n: number) => frame({ type: "history", room: ROOM, limit: 500, id: `${n}` });
  switch (name) {
    case "pages of history":
      return plan(page);
    case "pages unread":
      return plan(page, { reads: false });
    case "many pings":
      return plan(() => frame({ type: "ping" }), { first: [] });
    case "large frames": {
      const large = frame({ type: "message", room: ROOM, content: "x".repeat(60_000) });
      return plan(() => large);
    }
    case "no JSON": {
      const nested = "[".repeat(60_000);
      return plan(() => nested, { first: [] });
    }
    case "messages":
      return plan((n) =>
        frame({ type: "message", room: ROOM, content: "x".repeat(1_000), id: `${n}` })
      );
    case "signals":
      return plan(() => frame({ type: "signal", room: ROOM, content: "x".repeat(1_000) }));
    case "invented rooms":
      return plan((n) => frame({ type: "subscribe", room: `${crypto.randomUUID()}-${n}` }), {
        first: [],
      });
    case "joining again":
      return plan(() => frame({ ...join, since: { seq: 1, epoch: "x" } }));
    case "calls":
      return plan((n) => frame({ type: "call", service: "none", method: "at-all", id: `${n}` }), {
        first: [],
      });
    case "bad tokens":
      return plan(() => null, { first: [], token: "bad" });
    case "connections":
      return plan(() => null, { first: [] });
  }
}
