/**
 * One room with very many members over many gateways: what presence costs there, with the kit's real
 * logic and a bus that delivers at once.
 *
 * @module
 */
import {
  LocalFacts,
  PresenceView,
  readState,
  rosterParts,
  type ViewHost,
} from "../../services/kit/presence/mod.ts";

const ROOM = "stadium";

/** What one large room costs. */
export interface LargeRoomCost {
  members: number;
  gateways: number;
  /** Statements published, and their bytes, for all joins together. */
  statements: number;
  bytes: number;
  /** Statements delivered to other gateways and to rooms. */
  deliveries: number;
  /** How many users each listener lists at the end. */
  listed: number[];
  /** Milliseconds of CPU for one listener to take in all joins. */
  listenerMs: number;
  /** Pages that a further gateway reads when it opens the room, and milliseconds that it takes. */
  openPages: number;
  openMs: number;
}

/** Nothing is ever missing here: the bus delivers everything. */
const COMPLETE: ViewHost = {
  requestRoom: () => {
    throw new Error("a listener misses a statement");
  },
  requestDigests: () => {},
  requestBuckets: () => {},
  appeared: () => {},
  expired: () => {},
};

/**
 * Lets members join one room, in turns of `batch` per gateway, and then opens the room on one gateway
 * more.
 */
export async function largeRoom(
  members: number,
  gateways: number,
  batch: number,
): Promise<LargeRoomCost> {
  const rooms = new PresenceView(COMPLETE, { all: true });
  const views: PresenceView[] = [];
  const sources = Array.from({ length: gateways }, (_, i) => {
    const view = new PresenceView(COMPLETE, { own: `g${i}`, all: false });
    views.push(view);
    const roster = view.open(ROOM, () => {});
    view.opened(ROOM, [], 0);
    return new LocalFacts(`g${i}`, {
      held: (_, fact) => roster.set(`g${i}`, fact),
      released: (_, userId) => roster.unset(`g${i}`, userId),
      pending: () => {},
      versionOf: (_, userId) => roster.get(userId)?.v ?? 0,
    });
  });
  const cost = { statements: 0, bytes: 0, deliveries: 0, listenerMs: 0 };
  for (let joined = 0; joined < members;) {
    for (const [i, source] of sources.entries()) {
      for (let n = 0; n < batch && joined < members; n++, joined++) {
        source.enter(ROOM, `user-${joined}`, `User ${joined}`);
      }
      for (const { change } of source.statements()) {
        cost.statements++;
        cost.bytes += JSON.stringify(change).length;
        const began = performance.now();
        rooms.change(ROOM, change, 0);
        cost.listenerMs += performance.now() - began;
        for (const [j, view] of views.entries()) if (j !== i) view.change(ROOM, change, 0);
        cost.deliveries += views.length;
      }
    }
  }
  const began = performance.now();
  let openPages = 0;
  const late = new PresenceView({ ...COMPLETE, requestRoom: () => {} }, {
    own: "late",
    all: false,
  });
  late.open(ROOM, () => {});
  // The roster is too long for a reply, so each gateway is asked for its own part.
  late.opened(ROOM, rosterParts(rooms.roster(ROOM), "late", { bytes: 0 }), 0);
  for (const [i, source] of sources.entries()) {
    const state = await readState({ room: ROOM }, (query) => {
      openPages++;
      return Promise.resolve(source.page(query));
    });
    late.loaded(`g${i}`, ROOM, { ...state!.rooms[0]!, asOf: state!.asOf });
  }
  const openMs = performance.now() - began;
  const listed = [rooms, ...views, late].map((view) => view.roster(ROOM)!.count);
  return { members, gateways, ...cost, listed, openPages, openMs };
}
