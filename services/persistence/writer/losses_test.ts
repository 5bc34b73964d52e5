/** Logs that lose messages in ways that an end and a seq alone do not show. */
import assert from "node:assert/strict";
import { HistoryRead } from "../../contract/mod.ts";
import { request } from "../../kit/mod.ts";
import { type NatsServer, startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import type { Archive } from "../archive/archive.ts";
import { openSqliteArchive } from "../archive/open_archive.ts";
import {
  connectTestBus,
  event,
  managerOf,
  ready,
  startPersistence,
  store,
  type TestBus,
} from "../persistence_suite.ts";

const events = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, i) => event("lobby", `${prefix}${i + 1}`));

/** The generations of an archive: [first seq, ids of "lobby" with their seqs]. */
async function contents(archive: Archive): Promise<[number, string][]> {
  const found: [number, string][] = [];
  for (const { epoch, firstSeq } of await archive.generations()) {
    const query = { epoch, room: "lobby", after: 0, limit: 500, maxBytes: 1e6 };
    const { messages } = await archive.page(query);
    found.push([
      firstSeq,
      messages.map(({ seq, event }) => `${seq}:${JSON.parse(event).id}`).join(" "),
    ]);
  }
  return found;
}

async function withArchive(
  run: (parts: {
    server: NatsServer;
    bus: TestBus;
    archive: Archive;
    /** Waits until the newest generation has reached a seq. */
    reach: (position: number) => Promise<unknown>;
    /** Stores messages once NATS and the log accept them. Returns their seqs. */
    say: (count: number, prefix: string) => Promise<number[]>;
  }) => Promise<void>,
): Promise<void> {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archive = await openSqliteArchive(":memory:");
  await run({
    server,
    bus,
    archive,
    reach: (position) =>
      until(
        `seq ${position}`,
        async () => (await archive.generations()).at(-1)?.position === position,
      ),
    say: (count, prefix) => until("messages to be stored", () => store(bus, events(count, prefix))),
  });
  await archive.close();
}

/** The folder of the stream's messages, without its settings. */
const messagesOf = (data: string) => `${data}/jetstream/$G/streams/ROOMS/msgs`;

async function replace(folder: string, by: string): Promise<void> {
  await Deno.remove(folder, { recursive: true });
  const { success } = await new Deno.Command("cp", { args: ["-a", by, folder] }).output();
  assert.ok(success);
}

Deno.test("a cut below the first seq of a generation begins another one after what is left", () =>
  withArchive(async ({ server, bus, archive, reach, say }) => {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    await say(3, "a");
    await reach(3);
    await server.kill();
    const first = await server.copyDisk();
    await server.restart();
    await say(2, "b");
    await reach(5);
    await server.kill();
    const second = await server.copyDisk();
    await server.restart();
    await say(3, "c");
    await reach(8);
    await server.restart({ disk: second });
    await until("a generation", async () => (await archive.generations()).length === 2);
    await say(1, "d");
    await reach(6);
    // As after a power cut: the stream's settings stay, and most of its messages are gone.
    await server.kill();
    await replace(messagesOf(server.data), messagesOf(first));
    await server.restart();
    assert.deepEqual(await say(1, "e"), [4]);
    await reach(4);
    assert.deepEqual(await contents(archive), [
      [1, "1:a1 2:a2 3:a3 4:b1 5:b2 6:c1 7:c2 8:c3"],
      [6, "6:d1"],
      [4, "4:e1"],
    ]);
  }));

Deno.test("a log that has lost everything but its settings goes on after the archive", () =>
  withArchive(async ({ server, bus, archive, reach, say }) => {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    await say(4, "a");
    await reach(4);
    await server.kill();
    await Deno.remove(messagesOf(server.data), { recursive: true });
    await server.restart();
    await until("a generation", async () => (await archive.generations()).length === 2);
    assert.deepEqual(await say(2, "b"), [5, 6]);
    await reach(6);
    assert.deepEqual(await contents(archive), [[1, "1:a1 2:a2 3:a3 4:a4"], [5, "5:b1 6:b2"]]);
  }));

Deno.test("what retention has deleted is not archived again after a restore", () =>
  withArchive(async ({ bus, archive, reach, say }) => {
    const options = { retention: [{ pattern: "lobby", maxMessages: 5 }], retentionMs: 20 };
    const kept = "396:a396 397:a397 398:a398 399:a399 400:a400";
    {
      await using service = await startPersistence(bus, archive, options);
      await ready(service);
      await say(400, "a");
      await reach(400);
      await until("retention", async () => (await contents(archive))[0]![1] === kept);
    }
    await archive.writeSetting((await archive.lease()).term, "restored", "yes");
    await using service = await startPersistence(bus, archive, options);
    await ready(service);
    await say(1, "b");
    await reach(401);
    assert.deepEqual(await contents(archive), [[1, kept], [401, "401:b1"]]);
  }));

Deno.test("a log that is replaced while it is being compared is compared again", () =>
  withArchive(async ({ server, bus, archive, reach, say }) => {
    const manager = await managerOf(bus);
    {
      await using service = await startPersistence(bus, archive);
      await ready(service);
      await say(3, "a");
      await reach(3);
      await server.kill();
      const copy = await server.copyDisk();
      await server.restart();
      await say(3, "b");
      await reach(6);
      // Between the stream's info and the messages that are compared.
      const info = manager.streams.info.bind(manager.streams);
      let replaced = false;
      manager.streams.info = async (name, options) => {
        const stream = await info(name, options);
        if (!replaced) {
          replaced = true;
          await server.restart({ disk: copy });
          await until("NATS", () => bus.connected);
        }
        return stream;
      };
    }
    await using service = await startPersistence(bus, archive, {}, manager);
    await until("a generation", async () => (await archive.generations()).length === 2);
    await ready(service);
    assert.deepEqual(await say(2, "c"), [4, 5]);
    await reach(5);
    assert.deepEqual((await contents(archive))[1], [4, "4:c1 5:c2"]);
  }));

Deno.test("messages that the log lost before they were archived show as a gap to whoever repairs", () =>
  withArchive(async ({ bus, archive, reach, say }) => {
    {
      await using service = await startPersistence(bus, archive);
      await ready(service);
      await say(2, "a");
      await reach(2);
    }
    await say(3, "b");
    await (await managerOf(bus)).streams.deleteMessage("ROOMS", 4);
    await (await managerOf(bus)).streams.purge("ROOMS", { seq: 4 });
    await using service = await startPersistence(bus, archive);
    await ready(service);
    await reach(5);
    const page = await request(bus, HistoryRead, {
      room: "lobby",
      after: 2,
      limit: 9,
      upTo: 5,
      repair: true,
    });
    assert.deepEqual(page.messages.map(({ seq, prev }) => [seq, prev]), [[5, 4]]);
    assert.equal(page.trimmedTo, 4);
  }));
