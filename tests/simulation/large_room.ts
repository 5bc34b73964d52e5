/**
 * What one large room costs: its members join over many gateways, and everything that is stated about it
 * is encoded, counted, decoded and applied with the kit's real logic. One gateway and one rooms instance
 * listen for all others, since all of them do the same work; then another of each opens the room.
 *
 * @module
 */
import {
  bucketOf,
  PresenceChange,
  PresenceStatePage,
  PresenceStateRequest,
  RoomsRoster,
} from "../../services/contract/mod.ts";
import {
  LocalFacts,
  PresenceView,
  readState,
  rosterParts,
  type ViewHost,
} from "../../services/kit/presence/mod.ts";
import { createRandom } from "../torture/random.ts";

const ROOM = "stadium";

/** How long statements wait for others to go out with, as in the gateway, milliseconds. */
const BATCH_MS = 10;

/** Bytes of rosters in one reply of rooms. */
const ROSTER_BYTES = 512 * 1024;

/** How large the room is, and how quickly it fills. */
export interface LargeRoom {
  members: number;
  gateways: number;
  joinsPerSecond: number;
}

/** See the module's doc. */
export interface LargeRoomCost {
  /** Members that the gateway, the rooms instance and each newcomer see in the end. */
  listed: { gateway: number; rooms: number; newGateway: number; newRooms: number };
  /** Statements published, and their bytes. Each goes to all other gateways and to each rooms instance. */
  statements: number;
  statementBytes: number;
  /** What opening the room on another gateway takes: requests, bytes of replies, CPU milliseconds. */
  opening: { requests: number; bytes: number; ms: number };
  /** Heap bytes for each member in the view of a gateway and of a rooms instance. */
  heap: { gateway: number; rooms: number };
}

/** Fills the room and measures. `collect` collects garbage, for honest figures of memory. */
export async function measureLargeRoom(
  { members, gateways, joinsPerSecond }: LargeRoom,
  collect: () => void = () => {},
): Promise<LargeRoomCost> {
  const random = createRandom(1);
  const names = Array.from({ length: gateways }, (_, i) => `gateway-${i}`);
  const gateway = viewOf(names[0]);
  const rooms = viewOf(undefined);
  const roster = gateway.open(ROOM, () => {});
  gateway.opened(ROOM, [], 0);
  const facts = names.map((name, i) =>
    new LocalFacts(name, {
      held: (_, fact) => i === 0 && roster.set(name, fact),
      released: (_, userId) => i === 0 && roster.unset(name, userId),
      pending() {},
      versionOf: () => 0,
    })
  );
  let [statements, statementBytes, joined, owed] = [0, 0, 0, 0];
  for (let now = 0; joined < members; now += BATCH_MS) {
    for (owed += joinsPerSecond * BATCH_MS / 1_000; owed >= 1 && joined < members; owed--) {
      const user = `user-${joined++}`;
      random.pick(facts).enter(ROOM, user, user);
    }
    for (const one of facts) {
      for (const { change } of one.statements()) {
        const text = JSON.stringify(change);
        statements++;
        statementBytes += text.length;
        gateway.change(ROOM, PresenceChange.parse(JSON.parse(text)), now);
        rooms.change(ROOM, PresenceChange.parse(JSON.parse(text)), now);
      }
    }
  }
  const opened = await measureHeap(collect, () => openOnGateway(names, facts, rooms));
  const started = await measureHeap(collect, () => startRooms(names, facts));
  const { opening, view } = opened.value;
  return {
    listed: {
      gateway: roster.count,
      rooms: countIn(rooms),
      newGateway: countIn(view),
      newRooms: countIn(started.value),
    },
    statements,
    statementBytes,
    opening,
    heap: { gateway: opened.bytes / members, rooms: started.bytes / members },
  };
}

/** Another gateway opens the room: rooms tells it the roster, and gateways what does not fit. */
async function openOnGateway(names: string[], facts: LocalFacts[], rooms: PresenceView) {
  const opening = { requests: 1, bytes: 0, ms: 0 };
  const began = performance.now();
  const pending: Promise<void>[] = [];
  const view: PresenceView = viewOf("newcomer", (name) => {
    const read = readState({ room: ROOM }, (query) => {
      const { page, bytes } = pageOf(facts[names.indexOf(name)]!, query);
      opening.requests++;
      opening.bytes += bytes;
      return Promise.resolve(page);
    });
    pending.push(read.then((state) => {
      view.loaded(name, ROOM, { ...state!.rooms[0]!, asOf: state!.asOf });
    }));
  });
  view.open(ROOM, () => {});
  const parts = rosterParts(rooms.roster(ROOM), "newcomer", { bytes: ROSTER_BYTES });
  const text = JSON.stringify({ rosters: [parts] });
  opening.bytes += text.length;
  view.opened(ROOM, RoomsRoster.reply.parse(JSON.parse(text)).rosters[0]!, 0);
  await Promise.all(pending);
  opening.ms = performance.now() - began;
  return { opening, view };
}

/** Another rooms instance starts: it reads everything from all gateways. */
async function startRooms(names: string[], facts: LocalFacts[]): Promise<PresenceView> {
  const view = viewOf(undefined);
  const buckets = [bucketOf(ROOM)];
  for (const [i, one] of facts.entries()) {
    const { facts: count, total: digest } = one.digest;
    view.alive({ gateway: names[i]!, lease: 3_500, facts: count, digest }, 0);
    const state = await readState({ buckets }, (query) => Promise.resolve(pageOf(one, query).page));
    view.bulkLoaded(names[i]!, buckets, state);
  }
  return view;
}

/** One page as it comes over the bus. */
function pageOf(facts: LocalFacts, query: PresenceStateRequest) {
  const text = JSON.stringify(facts.page(query));
  return { page: PresenceStatePage.parse(JSON.parse(text)), bytes: text.length };
}

function viewOf(
  own: string | undefined,
  requestRoom: ViewHost["requestRoom"] = () => {},
): PresenceView {
  const host = {
    requestRoom,
    requestDigests() {},
    requestBuckets() {},
    appeared() {},
    expired() {},
  };
  return new PresenceView(host, { own, all: own === undefined });
}

function countIn(view: PresenceView): number {
  return view.roster(ROOM)?.count ?? 0;
}

async function measureHeap<T>(
  collect: () => void,
  run: () => Promise<T>,
): Promise<{ value: T; bytes: number }> {
  collect();
  const before = Deno.memoryUsage().heapUsed;
  const value = await run();
  collect();
  return { value, bytes: Deno.memoryUsage().heapUsed - before };
}
