/**
 * What a claim may do in a room: requested from rooms, many at a time, and remembered until the rules
 * change. A grant follows from the claim, the room and the rules alone, so one user's grant holds for
 * every user with the same claim.
 *
 * @module
 */
import { hash } from "node:crypto";
import {
  type Grant,
  type Identity,
  MAX_BATCH,
  ROOMS_RULES,
  RoomsJoin,
  RulesEvent,
} from "../../../contract/mod.ts";
import {
  Batcher,
  type Bus,
  type Context,
  FaultError,
  prepareHtml,
  request,
  ROOT_CONTEXT,
  subscribe,
} from "../../../kit/mod.ts";

/** Grants remembered. The one that has been known for longest makes room: about 200 bytes each. */
const MAX_GRANTS = 20_000;

/** Joins that may wait for their grant, and how long each may take in all, milliseconds. */
const MAX_QUEUE = 20_000;
const DEADLINE_MS = 4_000;

/** Bytes of claims in one request; one claim has at most 64 patterns. */
const MAX_BYTES = 256 * 1024;

/** A request for one grant. */
interface Join {
  room: string;
  claim: Identity["rooms"];
  /** Names the claim; equal claims have equal keys. */
  key: string;
  /** The trace that the join belongs to. */
  context: Context;
}

/** The grants of one gateway. */
export interface Grants {
  /**
   * Returns what an identity may do in a room. `wanted` tells whether the client still waits.
   *
   * @throws {FaultError} `forbidden`, or `unavailable` if rooms cannot answer in time
   */
  get(
    room: string,
    identity: Identity,
    wanted: () => boolean,
    context?: Context,
  ): Promise<Grant> | Grant;
  /** How many grants are remembered, and how many joins wait. */
  readonly size: { remembered: number; waiting: number };
  /** Stops listening for other rules. */
  close(): void;
}

/** Makes the grants of one gateway. */
export function createGrants(bus: Bus): Grants {
  const remembered = new Map<string, Grant>();
  const keys = new WeakMap<Identity, string>();
  let rules: string | undefined;

  /** Forgets what follows from other rules than these. */
  const follow = (version: string) => {
    if (rules !== version) remembered.clear();
    rules = version;
  };
  const remember = (key: string, grant: Grant) => {
    if (remembered.size >= MAX_GRANTS) {
      for (const oldest of remembered.keys()) {
        remembered.delete(oldest);
        break;
      }
    }
    remembered.set(key, grant);
  };
  const keyOf = (identity: Identity): string => {
    if (identity.rooms === null) return "";
    let key = keys.get(identity);
    if (key === undefined) {
      key = hash("sha256", JSON.stringify(identity.rooms), "base64");
      keys.set(identity, key);
    }
    return key;
  };

  const batcher = new Batcher<Join, Grant>({
    maxBatch: MAX_BATCH,
    maxBytes: MAX_BYTES,
    sizeOf: ({ claim, room }) => room.length + (claim === null ? 4 : JSON.stringify(claim).length),
    maxQueue: MAX_QUEUE,
    deadlineMs: DEADLINE_MS,
    async send(joins, timeout) {
      // Most clients have the same few claims: each is sent once.
      const indexes = new Map<string, number>();
      const claims: Identity["rooms"][] = [];
      const asked = joins.map(({ room, claim, key }) => {
        let index = indexes.get(key);
        if (index === undefined) {
          index = claims.push(claim) - 1;
          indexes.set(key, index);
        }
        return { room, claim: index };
      });
      // One request has one parent: the trace of its first join.
      const { context } = joins[0]!;
      const reply = await request(bus, RoomsJoin, { claims, joins: asked }, { timeout, context });
      const isHtml = (result: typeof reply.results[number]) =>
        "grant" in result && result.grant.content === "html";
      if (reply.results.some(isHtml)) await prepareHtml();
      follow(reply.rules);
      return reply.results.map((result, i) => {
        if ("error" in result) return FaultError.from(result.error);
        const join = joins[i];
        if (join !== undefined) remember(`${join.key} ${join.room}`, result.grant);
        return result.grant;
      });
    },
  });
  const subscription = subscribe(bus, ROOMS_RULES, RulesEvent, ({ version }) => follow(version));
  // Other rules may have been announced while the gateway was disconnected.
  bus.onReconnect(() => remembered.clear());

  return {
    get(room, identity, wanted, context = ROOT_CONTEXT) {
      const key = keyOf(identity);
      const known = remembered.get(`${key} ${room}`);
      if (known !== undefined) return known;
      return batcher.submit({ room, claim: identity.rooms, key, context }, wanted);
    },
    get size() {
      return { remembered: remembered.size, waiting: batcher.size.waiting };
    },
    close() {
      subscription.unsubscribe();
      batcher.close();
    },
  };
}
