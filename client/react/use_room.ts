/**
 * A room in a component.
 *
 * @module
 */
// @ts-types="@types/react"
import { useCallback, useMemo, useSyncExternalStore } from "react";
import type { Ack, SendOptions } from "../mod.ts";
import { useHopwire } from "./context.ts";
import { createRoomStore, type RoomSnapshot, type UseRoomOptions } from "./room_store.ts";

/** What {@link useRoom} returns. */
export interface RoomView<Content = unknown, SignalContent = unknown>
  extends RoomSnapshot<Content, SignalContent> {
  /** Sends a message, as `room.send`. Rejects with `TypeError` while `room` is null. */
  send(content: Content, options?: SendOptions): Promise<Ack>;
  /** Sends a signal, as `room.signal`. Returns false while `room` is null. */
  signal(content: SignalContent): boolean;
  /** Loads up to `count` older messages into `messages`. Default: 50. */
  loadOlder(count?: number): Promise<void>;
}

/**
 * Joins a room while the component is mounted, and returns its latest messages and its state.
 * Components that use the same room of the same client share it: the options of the first one count,
 * and the last one leaves it. A change of `options` has no effect; a change of `name` joins another
 * room.
 *
 * @example
 * ```ts ignore
 * const { messages, send, room } = useRoom("chat.lobby", { schema });
 * ```
 */
export function useRoom<Content = unknown, SignalContent = unknown>(
  name: string,
  options: UseRoomOptions<Content, SignalContent> = {},
): RoomView<Content, SignalContent> {
  const client = useHopwire();
  // The first render decides the options: most applications write a new object in each render.
  const store = useMemo(() => createRoomStore(client, name, options), [client, name]);
  const snapshot = useSyncExternalStore(store.subscribe, store.snapshot, store.snapshot);
  const send = useCallback(async (content: Content, options?: SendOptions) => {
    const { room } = store.snapshot();
    if (room === null) throw new TypeError(`${name}: the component is not mounted`);
    return await room.send(content, options);
  }, [store, name]);
  const signal = useCallback((content: SignalContent) => {
    return store.snapshot().room?.signal(content) ?? false;
  }, [store]);
  const loadOlder = useCallback((count = 50) => store.loadOlder(count), [store]);
  return { ...snapshot, send, signal, loadOlder };
}
