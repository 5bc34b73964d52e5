import assert from "node:assert/strict";
import { ROOMS_STREAM } from "../../contract/mod.ts";
import { startNats } from "../../../tests/harness/nats.ts";
import {
  connectTestBus,
  event,
  LIMITS,
  managerOf,
  store,
  type TestBus,
} from "../persistence_suite.ts";
import { LogReader } from "./log_reader.ts";
import { ensureRoomsStream, logStream, readMessage } from "./stream.ts";

const events = (count: number) => Array.from({ length: count }, (_, i) => event("lobby", `${i}`));

async function withReader(
  options: { from: number; size?: number; stored?: number },
  run: (reader: LogReader, bus: TestBus) => Promise<void>,
): Promise<void> {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const manager = await managerOf(bus);
  await ensureRoomsStream(logStream(manager), LIMITS);
  await store(bus, events(options.stored ?? 0));
  const reader = new LogReader({
    bus,
    stream: logStream(manager),
    from: options.from,
    size: options.size ?? 100,
    batchMs: 5,
  });
  await reader.open();
  try {
    await run(reader, bus);
  } finally {
    reader.close();
  }
}

/** Reads batches until `count` messages have come. Returns their seqs. */
async function take(reader: LogReader, count: number): Promise<number[]> {
  const seqs: number[] = [];
  while (seqs.length < count) seqs.push(...(await reader.batch()).map(({ seq }) => seq));
  return seqs;
}

Deno.test("reading begins at a seq and goes on with what is stored later", () =>
  withReader({ from: 4, stored: 10 }, async (reader, bus) => {
    assert.deepEqual(await take(reader, 7), [4, 5, 6, 7, 8, 9, 10]);
    await store(bus, events(3));
    assert.deepEqual(await take(reader, 3), [11, 12, 13]);
    assert.deepEqual(await reader.batch(), []);
  }));

Deno.test("a message has the time and the content that the log has", () =>
  withReader({ from: 2, stored: 3 }, async (reader, bus) => {
    const [delivered] = await reader.batch();
    const { receivedAt: _, raw: __, traceparent, ...message } = {
      ...delivered!,
      data: new Uint8Array(delivered!.data),
    };
    assert.equal(traceparent, undefined);
    const { data, ...rest } = (await readMessage(logStream(await managerOf(bus)), 2))!;
    assert.deepEqual(message, { ...rest, data: new Uint8Array(data) });
  }));

Deno.test("a batch has at most so many messages, and deleted seqs are missing", () =>
  withReader({ from: 1, size: 10 }, async (reader, bus) => {
    const manager = await managerOf(bus);
    const late = new LogReader({ bus, stream: logStream(manager), from: 1, size: 10, batchMs: 0 });
    await store(bus, events(35));
    await manager.streams.deleteMessage(ROOMS_STREAM, 12);
    await late.open();
    const sizes: number[] = [];
    const seqs: number[] = [];
    while (seqs.length < 34) {
      const batch = await late.batch();
      sizes.push(batch.length);
      seqs.push(...batch.map(({ seq }) => seq));
    }
    late.close();
    assert.ok(Math.max(...sizes) <= 10, `${sizes}`);
    assert.deepEqual(seqs, Array.from({ length: 35 }, (_, i) => i + 1).filter((seq) => seq !== 12));
    assert.ok((await take(reader, 34)).length >= 34);
  }));

Deno.test("no more is asked for than a batch holds", () =>
  withReader({ from: 1, size: 10 }, async (reader, bus) => {
    await store(bus, events(200));
    assert.equal((await reader.batch()).length, 10);
    const manager = await managerOf(bus);
    for await (const consumer of manager.consumers.list(ROOMS_STREAM)) {
      assert.deepEqual([consumer.delivered.stream_seq, consumer.num_pending], [10, 190]);
    }
    assert.deepEqual(await take(reader, 190), Array.from({ length: 190 }, (_, i) => i + 11));
  }));

Deno.test("a reader whose consumer or stream is deleted notices", async () => {
  for (const what of ["consumer", "stream"] as const) {
    await withReader({ from: 1, stored: 1 }, async (reader, bus) => {
      await take(reader, 1);
      const manager = await managerOf(bus);
      if (what === "stream") await manager.streams.delete(ROOMS_STREAM);
      else {
        for await (const { name } of manager.consumers.list(ROOMS_STREAM)) {
          await manager.consumers.delete(ROOMS_STREAM, name);
        }
      }
      await assert.rejects(async () => {
        while (true) await reader.batch();
      }, /silent|consumer answered/);
    });
  }
});

Deno.test("a broken reader fails the pending batch", () =>
  withReader({ from: 1 }, async (reader) => {
    const pending = assert.rejects(reader.batch(), /because/);
    reader.break("because");
    await pending;
    await assert.rejects(reader.batch(), /because/);
  }));

Deno.test("while messages keep coming, each batch takes one request", () =>
  withReader({ from: 1 }, async (reader, bus) => {
    let requests = 0;
    bus.nats.subscribe(`$JS.API.CONSUMER.MSG.NEXT.${ROOMS_STREAM}.*`, {
      callback: () => void requests++,
    });
    await bus.nats.flush();
    for (let i = 0; i < 20; i++) {
      await store(bus, events(5));
      await take(reader, 5);
    }
    await bus.nats.flush();
    assert.ok(requests <= 25, `${requests}`);
  }));
