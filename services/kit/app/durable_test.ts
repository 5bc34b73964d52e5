/** A durable listener that is too slow, on a real server: what waits, what is missed, and that it is told. */
import { jetstreamManager, type StreamState } from "@nats-io/jetstream";
import assert from "node:assert/strict";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import { messageSubject, ROOMS_STREAM, ROOMS_STREAM_SUBJECT } from "../../contract/mod.ts";
import { connectBus } from "../bus.ts";
import { createLogger } from "../log.ts";
import type { Missed } from "../log_place.ts";
import { StreamPublisher } from "../stream_publisher.ts";
import { listenDurably } from "./durable.ts";
import { listenerOf, type ListenOptions, type MessageHandler } from "./listening.ts";
import { createParts } from "./parts_fixture.ts";

/** How often these listeners look where the log ends, milliseconds. */
const LOOK_MS = 20;

const NANOSECONDS_PER_S = 1e9;

/** A listener of these tests. */
interface Listening {
  /** What it was told it has missed. */
  missed: Missed[];
  /** The lines of its log with this message. */
  lines(message: string): Record<string, unknown>[];
  stop(): Promise<void>;
}

interface Parts {
  manager: Awaited<ReturnType<typeof jetstreamManager>>;
  /** Stores so many messages, in some rooms in turn. Their contents are numbers in order. */
  publish(count: number, prefix?: string, rooms?: number): Promise<void>;
  state(): Promise<StreamState>;
  /** How long the log keeps messages, seconds; 0 for ever. */
  maxAge(seconds: number): Promise<void>;
  listen(handle: MessageHandler<number>, options?: ListenOptions<number>): Listening;
}

async function withLog(play: (parts: Parts) => Promise<void>): Promise<void> {
  await using server = await startNats();
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: server.url, name: "test", log });
  const manager = await jetstreamManager(bus.nats);
  await manager.streams.add({ name: ROOMS_STREAM, subjects: [ROOMS_STREAM_SUBJECT] });
  const publisher = new StreamPublisher(bus);
  let published = 0;
  try {
    await play({
      manager,
      async publish(count, prefix = "work", rooms = 1) {
        let stored = 0;
        for (let i = 0; i < count; i++) {
          const content = published++;
          const room = `${prefix}.${content % rooms}`;
          const from = { userId: "ann", username: "Ann", timestamp: Date.now() };
          const message = JSON.stringify({ room, id: `m-${content}`, content, ...from });
          publisher.publish(messageSubject(room), message, undefined, (ack) => {
            if (ack !== null) stored++;
          });
        }
        await until("messages to be stored", () => stored === count);
      },
      state: async () => (await manager.streams.info(ROOMS_STREAM)).state,
      async maxAge(seconds) {
        const age = seconds * NANOSECONDS_PER_S;
        const duplicates = age === 0 ? 120 * NANOSECONDS_PER_S : age;
        const limits = { max_age: age, duplicate_window: duplicates };
        await manager.streams.update(ROOMS_STREAM, limits);
      },
      listen(handle, options = {}) {
        const missed: Missed[] = [];
        const { parts, lines, stop } = createParts(bus, "audit", ["log"]);
        const listener = listenerOf("work.*", handle, {
          durable: true,
          from: "first",
          missed: (one) => void missed.push(one),
          ...options,
        });
        listenDurably(parts, listener, LOOK_MS);
        return { missed, lines, stop };
      },
    });
  } finally {
    publisher.close();
    await bus.drain();
  }
}

const consumerOf = ({ manager }: Parts) => manager.consumers.info(ROOMS_STREAM, "audit");

Deno.test("a flood waits in the log, and the listener catches up: all of it, once, in order", () =>
  withLog(async (parts) => {
    const gate = Promise.withResolvers<void>();
    const handled: number[] = [];
    let running = 0;
    let most = 0;
    const listening = parts.listen(async ({ content }) => {
      most = Math.max(most, ++running);
      await gate.promise;
      running--;
      handled.push(content);
    }, { concurrency: 4 });
    await parts.publish(2_000, "work", 20);
    const full = await until("the listener to hold what it may", async () => {
      const info = await consumerOf(parts);
      return info.num_ack_pending === 16 && info;
    });
    assert.equal(full.num_pending, 1_984);
    await until("its handlers to run", () => running === 4);
    gate.resolve();
    await until("everything to be handled", () => handled.length >= 2_000);
    assert.equal(most, 4);
    for (let room = 0; room < 20; room++) {
      const own = handled.filter((content) => content % 20 === room);
      assert.deepEqual(own, Array.from({ length: 100 }, (_, n) => room + n * 20));
    }
    await until("all to be acknowledged", async () => {
      const { num_pending, num_ack_pending } = await consumerOf(parts);
      return num_pending + num_ack_pending === 0;
    });
    assert.deepEqual(listening.missed, []);
    await listening.stop();
    assert.equal(handled.length, 2_000);
  }));

Deno.test("what leaves the log unread is counted, logged and told, also after a stop", () =>
  withLog(async (parts) => {
    const gate = Promise.withResolvers<void>();
    const handled: number[] = [];
    const handle: MessageHandler<number> = async ({ content }) => {
      await gate.promise;
      handled.push(content);
    };
    const first = parts.listen(handle, { concurrency: 2 });
    await parts.publish(100);
    await until(
      "it to hold what it may",
      async () => (await consumerOf(parts)).num_ack_pending === 8,
    );
    // What persistence does when the log fills.
    await parts.manager.streams.purge(ROOMS_STREAM, { seq: 51 });
    gate.resolve();
    await until("the rest", () => handled.length >= 58);
    const missed = { stream: ROOMS_STREAM, from: 9, to: 50, messages: 42 };
    await until("the callback", () => first.missed.length > 0);
    assert.deepEqual(first.missed, [missed]);
    const [line] = first.lines("messages left the log before they were read");
    assert.deepEqual({ ...line, ...missed }, line);
    assert.equal(line!.level, "error");
    await until("the acks", async () => (await consumerOf(parts)).ack_floor.stream_seq === 100);
    await first.stop();
    const expected = [...Array(8).keys(), ...Array.from({ length: 50 }, (_, n) => 50 + n)];
    assert.deepEqual(handled, expected);

    // What becomes too old while nothing runs.
    await parts.publish(10);
    await parts.maxAge(1);
    await until("the log to drop it", async () => (await parts.state()).first_seq === 111);
    await parts.maxAge(0);
    await parts.publish(10);
    const second = parts.listen(handle);
    await until("the rest", () => handled.length >= 68);
    assert.deepEqual(second.missed, [{ ...missed, from: 101, to: 110, messages: 10 }]);

    // What others are told in other rooms counts as read, also for an instance that begins later.
    await parts.maxAge(8);
    await parts.publish(30, "other");
    await until("it to be past that", async () => {
      const { delivered, config } = await consumerOf(parts);
      return Math.max(delivered.stream_seq, Number(config.metadata?.["hopwire.place"] ?? 0)) >= 150;
    });
    await second.stop();
    assert.equal(second.missed.length, 1);
  }));

Deno.test("two instances share a flood: each message once, and what nobody read is no more than that", () =>
  withLog(async (parts) => {
    const gate = Promise.withResolvers<void>();
    const handled: number[] = [];
    const handle: MessageHandler<number> = async ({ content }) => {
      await gate.promise;
      handled.push(content);
    };
    const both = [
      parts.listen(handle, { concurrency: 4 }),
      parts.listen(handle, { concurrency: 4 }),
    ];
    await parts.publish(1_000, "work", 10);
    await until(
      "both to hold what they may",
      async () => (await consumerOf(parts)).num_ack_pending === 32,
    );
    await parts.manager.streams.purge(ROOMS_STREAM, { seq: 101 });
    gate.resolve();
    await until("the rest", () => handled.length >= 932);
    await until("both to know", () => both.every(({ missed }) => missed.length > 0));
    await Promise.all(both.map((one) => one.stop()));
    assert.equal(handled.length, 932);
    assert.equal(new Set(handled).size, 932);
    // What the other one read meanwhile counts as read, so it may be less.
    for (const { missed } of both) assert.ok(missed.length === 1 && missed[0]!.messages <= 68);
  }));

Deno.test("a listener warns before messages are too old for the log, and each is handled or counted", () =>
  withLog(async (parts) => {
    await parts.maxAge(3);
    let slow = true;
    const handled: number[] = [];
    const listening = parts.listen(async ({ content }) => {
      // A handler that takes its time.
      if (slow) await new Promise((resolve) => setTimeout(resolve, 100));
      handled.push(content);
    }, { concurrency: 1 });
    await parts.publish(200, "work", 3);
    const behind = "so far behind that messages will leave the log before they are read";
    await until("a warning", () => listening.lines(behind).length > 0);
    assert.deepEqual(listening.missed, []);
    assert.ok(listening.lines(behind)[0]!.waiting as number > 100);
    await until("a loss", () => listening.missed.length > 0);
    slow = false;
    await parts.publish(5, "work", 3);
    await until("the newest", () => handled.includes(204));
    await until("it to say so", () => listening.lines("no longer far behind the log").length > 0);
    await listening.stop();
    const lost = listening.missed.reduce((sum, { messages }) => sum + messages, 0);
    assert.ok(lost > 100, String(lost));
    assert.equal(handled.length + lost, 205);
    assert.equal(new Set(handled).size, handled.length);
  }));
