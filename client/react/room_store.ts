/**
 * What a component shows of a room: its latest messages and its state. It joins the room while
 * somebody listens to it.
 *
 * @module
 */
import type { Hopwire, HopwireError, JoinOptions, Message, Room } from "../mod.ts";
import { acquireRoom, releaseRoom } from "./shared_rooms.ts";

/** Options of {@link useRoom}: those of `join`, except `since`, and two of the list of messages. */
export interface UseRoomOptions<Content = unknown, SignalContent = unknown>
  extends Omit<JoinOptions<Content, SignalContent>, "since"> {
  /** How many stored messages to load when the room is joined. Default: 50; 0 for none. */
  history?: number;
  /** How many messages to keep. The oldest are dropped first. Default: 500. */
  limit?: number;
}

/** What a store knows at one time. It is replaced, never changed. */
export interface RoomSnapshot<Content, SignalContent> {
  /** The room; null before the component is mounted. */
  readonly room: Room<Content, SignalContent> | null;
  /** `joining` until the room is first joined, then `joined`; `left` once it has ended. */
  readonly state: Room["state"];
  /** The latest messages, oldest first. */
  readonly messages: readonly Message<Content>[];
  /** Whether there may be older messages, which `loadOlder` loads. */
  readonly hasOlder: boolean;
  /** The last error since the room was joined; null if there was none. */
  readonly error: HopwireError | null;
}

/** A room as React's `useSyncExternalStore` reads it. */
export interface RoomStore<Content, SignalContent> {
  /** Joins the room, and calls `changed` after each change of the snapshot. Returns how to end it. */
  subscribe(changed: () => void): () => void;
  /** Returns what the store knows now. */
  snapshot(): RoomSnapshot<Content, SignalContent>;
  /** Loads up to `count` messages before the oldest one. Does nothing while it is loading. */
  loadOlder(count: number): Promise<void>;
}

/** Creates a store, without joining the room. `client` is null on a server: then nothing happens. */
export function createRoomStore<Content, SignalContent>(
  client: Hopwire | null,
  name: string,
  options: UseRoomOptions<Content, SignalContent>,
): RoomStore<Content, SignalContent> {
  const { history = 50, limit = 500, ...joinOptions } = options;
  let current: RoomSnapshot<Content, SignalContent> = {
    room: null,
    state: "joining",
    messages: [],
    hasOlder: false,
    error: null,
  };
  let kept = limit;
  let changed = () => {};
  /** Aborts when nobody listens any more. */
  let abort = new AbortController();
  /** Tells the load in progress from those that another one or the end has replaced; 0 for none. */
  let loading = 0;
  let loads = 0;

  const update = (change: Partial<RoomSnapshot<Content, SignalContent>>) => {
    current = { ...current, ...change };
    changed();
  };

  const load = async (count: number, before?: number) => {
    const { signal } = abort;
    const { room } = current;
    if (room === null || count <= 0) return;
    const load = loading = ++loads;
    const loaded: Message<Content>[] = [];
    try {
      const pageSize = Math.min(count, 500);
      for await (const message of room.history({ before, pageSize, signal })) {
        loaded.push(message);
        if (loaded.length === count) break;
      }
      if (load !== loading) return;
      kept = Math.max(kept, current.messages.length + loaded.length);
      const hasOlder = loaded.length === count;
      update({ messages: merge(loaded.reverse(), current.messages), hasOlder });
    } catch (error) {
      if (load === loading) update({ error: error as HopwireError });
    } finally {
      if (load === loading) loading = 0;
    }
  };

  const join = (client: Hopwire) => {
    const { signal } = abort;
    const room = acquireRoom(client, name, joinOptions as JoinOptions) as Room<
      Content,
      SignalContent
    >;
    /** Shows the newest stored messages instead of what may have a gap. */
    const restart = () => {
      update({ messages: [], hasOlder: false });
      void load(history);
    };
    let isFirst = true;
    const started = () => {
      update({ state: "joined", error: null });
      if (isFirst) void load(history);
      isFirst = false;
    };
    room.on("joined", started, { signal });
    room.on("lost", restart, { signal });
    room.on("message", (message) => {
      const messages = [...current.messages, message];
      const excess = Math.max(0, messages.length - kept);
      update({ messages: messages.slice(excess), hasOlder: current.hasOlder || excess > 0 });
    }, { signal });
    room.on("erased", ({ seq }) => {
      update({ messages: current.messages.map((one) => one.seq === seq ? erased(one) : one) });
    }, { signal });
    room.on("error", (error) => update({ error }), { signal });
    room.on("invalid", ({ error }) => update({ error }), { signal });
    room.on("left", () => update({ state: "left" }), { signal });
    update({ room, state: room.state, messages: [] });
    if (room.state === "joined") started();
    return room;
  };

  return {
    subscribe(listener) {
      if (client === null) return () => {};
      changed = listener;
      abort = new AbortController();
      let room: Room<Content, SignalContent> | undefined;
      try {
        room = join(client);
      } catch (error) {
        // The client is closed, or the name is invalid.
        update({ state: "left", error: error as HopwireError });
      }
      return () => {
        changed = () => {};
        loading = 0;
        abort.abort();
        if (room !== undefined) releaseRoom(client, room as Room);
      };
    },
    snapshot: () => current,
    async loadOlder(count) {
      const [oldest] = current.messages;
      if (loading === 0 && oldest !== undefined && oldest.seq > 0) await load(count, oldest.seq);
    },
  };
}

/** Both lists, each message once, by `seq`. */
function merge<Content>(
  loaded: Message<Content>[],
  shown: readonly Message<Content>[],
): Message<Content>[] {
  const seqs = new Set(shown.map(({ seq }) => seq));
  const all = [...loaded.filter(({ seq }) => !seqs.has(seq)), ...shown];
  return all.sort((a, b) => a.seq - b.seq);
}

function erased<Content>(message: Message<Content>): Message<Content> {
  return { ...message, userId: "erased", username: "erased", content: null, erased: true };
}
