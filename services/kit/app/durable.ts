/**
 * Listens to every message, with a durable consumer on each stream of the log: NATS remembers what was acknowledged, and a message is
 * acknowledged when its handler has returned. So a service that is killed in mid-work gets the message
 * again, and one that returned does not.
 *
 * @module
 */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { MAX_STREAMS, roomsStream } from "../../contract/mod.ts";
import { childrenOfStream, doneWithParent } from "../divided_log.ts";
import { errorText } from "../log.ts";
import { LogThrottle } from "../log_throttle.ts";
import { idleDelay } from "../runtime.ts";
import { type AppParts, DRAIN_MS, requireNeed } from "./app_parts.ts";
import { ensureConsumer } from "./durable_consumer.ts";
import { DurableReader } from "./durable_reader.ts";
import { Lanes } from "./lanes.ts";
import type { Listener } from "./listening.ts";

/** Messages that one instance may hold for each that it handles. */
const HELD_PER_HANDLER = 4;

/** How often streams are asked whether others have taken rooms from them, milliseconds. */
const LOOK_MS = 2_000;

/** The delay before the next try to reach JetStream, milliseconds. */
const RECONNECT_MS = 500;

/**
 * Starts the durable listener of a service: one, because its consumers have the service's name. Tests look more
 * often where the log ends, with `lookMs`.
 */
export function listenDurably<Content>(
  parts: AppParts,
  listener: Listener<Content>,
  lookMs?: number,
): void {
  requireNeed(parts, "log", "app.listen with durable");
  const { bus, declaration: { name }, health, log } = parts;
  const throttle = new LogThrottle();
  const { concurrency } = listener.options;
  /** What is handled at a time, of all streams; twice what they share, because shares shrink with a new one. */
  const lanes = new Lanes(concurrency, Math.max(MAX_STREAMS, 2 * concurrency * HELD_PER_HANDLER));
  const readers: DurableReader<Content>[] = [];
  const running: Promise<void>[] = [];
  /** The streams that are known, by their numbers, and how far their consumers are. */
  const streams = new Map<number, "new" | "waits" | "reads">();
  /** Whether the first stream has told of the others. */
  let found = false;
  let stopped = false;
  health.require("durable consumer", () => found && ![...streams.values()].includes("new"));

  const run = async (index: number) => {
    const stream = roomsStream(index);
    streams.set(index, "new");
    const share = () => Math.floor(concurrency * HELD_PER_HANDLER / streams.size) || 1;
    const reader = new DurableReader(parts, listener, { stream, lanes, share, lookMs });
    readers.push(reader);
    while (!stopped) {
      try {
        const manager = await jetstreamManager(bus.nats, { checkAPI: false });
        await look(index, manager);
        const since = await doneWithParent(manager, index, name, {
          stopped: () => stopped,
          waits: () => void streams.set(index, "waits"),
        });
        streams.set(index, "new");
        if (stopped) return;
        await ensureConsumer(manager, stream, name, listener, filter(), reader.resumeFrom, since);
        streams.set(index, "reads");
        await reader.read(manager, () => stopped);
      } catch (error) {
        streams.set(index, "new");
        const what = "cannot read the log, trying again";
        throttle.run(() => log.warn(what, { error: errorText(error) }));
      }
      if (!stopped) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    }
  };
  /**
   * A filter must be within one subject of its stream. Where the buckets of a stream are subjects of their own,
   * no filter has them all, so the reader leaves out other rooms.
   */
  const filter = () => streams.size === 1 ? `room.message.*.${listener.pattern}` : undefined;
  /** A stream tells of those that have taken rooms from it. */
  const look = async (index: number, manager: JetStreamManager) => {
    const children = childrenOfStream(index, await manager.streams.info(roomsStream(index)));
    const added = stopped ? [] : children.filter((child) => !streams.has(child));
    for (const child of added) running.push(run(child));
    // The filter of a stream that was the only one.
    if (added.length > 0 && streams.get(index) === "reads") {
      await ensureConsumer(manager, roomsStream(index), name, listener, filter(), 0);
    }
    found = true;
  };
  const looking = setInterval(async () => {
    if (!found || !bus.connected) return;
    const manager = await jetstreamManager(bus.nats, { checkAPI: false });
    for (const index of [...streams.keys()]) await look(index, manager).catch(() => {});
  }, LOOK_MS);
  running.push(run(0));
  parts.onDrain(async () => {
    stopped = true;
    clearInterval(looking);
    const late = idleDelay(DRAIN_MS);
    const ended = async () => {
      await Promise.all(readers.map((reader) => reader.stop()));
      await Promise.all(running);
    };
    await Promise.race([ended(), late]);
  });
}
