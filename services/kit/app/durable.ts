/**
 * Listens to every message, with a durable consumer on each stream of the log: NATS remembers what was acknowledged, and a message is
 * acknowledged when its handler has returned. So a service that is killed in mid-work gets the message
 * again, and one that returned does not.
 *
 * @module
 */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { MAX_STREAMS, ROOMS_STREAM, roomsStream, streamCountOf } from "../../contract/mod.ts";
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
  /** What is handled at a time, of all streams. */
  const lanes = new Lanes(concurrency, Math.max(MAX_STREAMS, concurrency * HELD_PER_HANDLER));
  const readers: DurableReader<Content>[] = [];
  const running: Promise<void>[] = [];
  /** The streams whose consumer was there when it was last looked for. */
  const attached = new Set<string>();
  let streams: number | undefined;
  let stopped = false;
  health.require("durable consumer", () => streams !== undefined && attached.size >= streams);

  const run = async (stream: string) => {
    const share = () => Math.floor(concurrency * HELD_PER_HANDLER / (streams ?? 1)) || 1;
    const reader = new DurableReader(parts, listener, { stream, lanes, share, lookMs });
    readers.push(reader);
    while (!stopped) {
      try {
        const manager = await jetstreamManager(bus.nats, { checkAPI: false });
        if (stream === ROOMS_STREAM) await readOthers(manager);
        // A filter must be within one subject of its stream. Where the buckets of a stream are
        // subjects of their own, no filter has them all, so the reader leaves out other rooms.
        const filter = streams === 1 ? `room.message.*.${listener.pattern}` : undefined;
        await ensureConsumer(manager, stream, name, listener, filter, reader.resumeFrom);
        attached.add(stream);
        await reader.read(manager, () => stopped);
      } catch (error) {
        attached.delete(stream);
        const what = "cannot read the log, trying again";
        throttle.run(() => log.warn(what, { error: errorText(error) }));
      }
      if (!stopped) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    }
  };
  /** The first stream tells how many there are. */
  const readOthers = async (manager: JetStreamManager) => {
    if (streams !== undefined) return;
    const { config } = await manager.streams.info(ROOMS_STREAM);
    streams = streamCountOf(config.subjects);
    for (let index = 1; index < streams; index++) running.push(run(roomsStream(index)));
  };
  running.push(run(ROOMS_STREAM));
  parts.onDrain(async () => {
    stopped = true;
    const late = idleDelay(DRAIN_MS);
    const ended = async () => {
      await Promise.all(readers.map((reader) => reader.stop()));
      await Promise.all(running);
    };
    await Promise.race([ended(), late]);
  });
}
