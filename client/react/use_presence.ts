/**
 * The members of a room in a component.
 *
 * @module
 */
// @ts-types="@types/react"
import { useCallback, useMemo, useSyncExternalStore } from "react";
import type { Member, PresenceState, Room } from "../mod.ts";

/** What {@link usePresence} returns. */
export interface PresenceView {
  /** The members; empty while they are unknown. */
  readonly members: readonly Member[];
  /** The number of members; undefined if the server does not tell. */
  readonly count: number | undefined;
  /** Sets this user's state in the room, as `room.setPresence`. Does nothing while there is no room. */
  setPresence(state: PresenceState | null): void;
}

const EMPTY: Pick<PresenceView, "members" | "count"> = { members: [], count: undefined };

/**
 * Returns the members of a room, as they come, go and change their state. `room` is what
 * {@link useRoom} returns; the types of its messages do not matter.
 *
 * @example
 * ```ts ignore
 * const { room } = useRoom("chat.lobby");
 * const { members, setPresence } = usePresence(room);
 * ```
 */
export function usePresence<Content, SignalContent>(
  room: Room<Content, SignalContent> | null,
): PresenceView {
  const store = useMemo(() => createPresenceStore(room), [room]);
  const snapshot = useSyncExternalStore(store.subscribe, store.snapshot, () => EMPTY);
  const setPresence = useCallback((state: PresenceState | null) => room?.setPresence(state), [
    room,
  ]);
  return { ...snapshot, setPresence };
}

function createPresenceStore<Content, SignalContent>(room: Room<Content, SignalContent> | null) {
  let current = EMPTY;
  const read = () => {
    if (room !== null) current = { members: [...room.members.values()], count: room.count };
  };
  return {
    snapshot: () => current,
    subscribe(changed: () => void): () => void {
      const abort = new AbortController();
      const { signal } = abort;
      const onChange = () => {
        read();
        changed();
      };
      for (const event of ["members", "member-joined", "member-left", "member-updated"] as const) {
        room?.on(event, onChange, { signal });
      }
      read();
      return () => abort.abort();
    },
  };
}
