import assert from "node:assert/strict";
import { ROOMS_STREAM } from "../../contract/mod.ts";
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

const events = (count: number, prefix = "") =>
  Array.from({ length: count }, (_, i) => event("lobby", `${prefix}${i + 1}`));

/** The generations of an archive: [first seq, position, ids of "lobby"]. */
async function contents(archive: Archive): Promise<[number, number, string[]][]> {
  const found: [number, number, string[]][] = [];
  for (const { epoch, firstSeq, position } of await archive.generations()) {
    const query = { epoch, room: "lobby", after: 0, limit: 500, maxBytes: 1e6 };
    const { messages } = await archive.page(query);
    found.push([firstSeq, position, messages.map(({ event }) => JSON.parse(event).id)]);
  }
  return found;
}

/** Runs the service on an archive until `position` of the newest generation is reached. */
async function archiveUpTo(bus: TestBus, archive: Archive, position: number): Promise<void> {
  await using service = await startPersistence(bus, archive);
  await ready(service);
  await until(
    `seq ${position}`,
    async () => (await archive.generations()).at(-1)!.position === position,
  );
}

/** Copies the folder of a stopped server, or puts a copy back. */
async function copy(from: string, to: string): Promise<void> {
  await Deno.remove(to, { recursive: true }).catch(() => {});
  const { success } = await new Deno.Command("cp", { args: ["-a", from, to] }).output();
  assert.ok(success);
}

async function withServer(
  run: (server: NatsServer, bus: TestBus, archive: Archive) => Promise<void>,
): Promise<void> {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archive = await openSqliteArchive(":memory:");
  await run(server, bus, archive);
  await archive.close();
}

const ids = (...list: (string | number)[]) => list.map(String);

Deno.test("a log that was restored and has outgrown its old end is another generation", () =>
  withServer(async (server, bus, archive) => {
    {
      await using service = await startPersistence(bus, archive);
      await ready(service);
      await store(bus, events(4));
      await until("the archive", async () => (await contents(archive))[0]![1] === 4);
    }
    await server.kill();
    await copy(server.data, `${server.data}-copy`);
    await server.restart();
    await until("NATS", () => bus.connected);
    await until("messages to be stored", () => store(bus, events(3, "lost ")));
    await archiveUpTo(bus, archive, 7);
    await server.kill();
    await copy(`${server.data}-copy`, server.data);
    await server.restart();
    await until("NATS", () => bus.connected);
    // More messages than were lost, before anybody compares: the end alone tells nothing.
    await until("messages to be stored", () => store(bus, events(5, "new ")));
    await archiveUpTo(bus, archive, 9);
    const expected = [
      [1, 7, ids(1, 2, 3, 4, "lost 1", "lost 2", "lost 3")],
      [5, 9, ids("new 1", "new 2", "new 3", "new 4", "new 5")],
    ];
    assert.deepEqual(await contents(archive), expected);
    const logged = bus.lines.find(({ message }) => /a new generation begins/.test(message))!;
    assert.deepEqual([logged.level, logged.from], ["error", 5]);
    // Attaching again finds nothing wrong.
    await archiveUpTo(bus, archive, 9);
    assert.deepEqual(await contents(archive), expected);
  }));

Deno.test("a log that was cut begins a generation where it was cut", () =>
  withServer(async (server, bus, archive) => {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    await store(bus, events(3));
    await until("the archive", async () => (await contents(archive))[0]![1] === 3);
    await server.kill();
    await copy(server.data, `${server.data}-copy`);
    await server.restart();
    await until("messages to be stored", () => store(bus, events(2, "lost ")));
    await until("the archive", async () => (await contents(archive))[0]![1] === 5);
    await server.kill();
    await copy(`${server.data}-copy`, server.data);
    await server.restart();
    await until("the new generation", async () => (await contents(archive)).length === 2);
    assert.deepEqual(await until("a message to be stored", () => store(bus, events(1, "new "))), [
      4,
    ]);
    await until("the archive", async () => (await contents(archive))[1]![1] === 4);
    assert.deepEqual(await contents(archive), [
      [1, 5, ids(1, 2, 3, "lost 1", "lost 2")],
      [4, 4, ids("new 1")],
    ]);
  }));

Deno.test("a new, empty log goes on after the archive's last seq", () =>
  withServer(async (server, bus, archive) => {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    await store(bus, events(3));
    await until("the archive", async () => (await contents(archive))[0]![1] === 3);
    await server.kill();
    await Deno.remove(server.data, { recursive: true });
    await server.restart();
    assert.deepEqual(await until("a message to be stored", () => store(bus, events(1, "new "))), [
      4,
    ]);
    await until("the archive", async () => (await contents(archive))[1]?.[1] === 4);
    assert.deepEqual(await contents(archive), [[1, 3, ids(1, 2, 3)], [4, 4, ids("new 1")]]);
  }));

Deno.test("an empty archive takes over everything that the log still has", () =>
  withServer(async (_, bus, archive) => {
    {
      const first = await openSqliteArchive(":memory:");
      await using service = await startPersistence(bus, first);
      await ready(service);
      await store(bus, events(20));
    }
    await (await managerOf(bus)).streams.purge(ROOMS_STREAM, { seq: 6 });
    await archiveUpTo(bus, archive, 20);
    const [[first, position, list]] = await contents(archive) as [[number, number, string[]]];
    assert.deepEqual([first, position, list.length], [1, 20, 15]);
    const { epoch } = (await archive.generations())[0]!;
    assert.deepEqual(await archive.holes(epoch, 1, 20, 9), [{
      first: 1,
      last: 5,
      kind: "expired",
    }]);
    assert.ok(
      bus.lines.some(({ level, message, from, to }) =>
        level === "error" && /left the log before/.test(message) && from === 1 && to === 5
      ),
    );
  }));

Deno.test("an archive restored from an older copy catches up", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-restore-" });
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archived = async (count: number, prefix: string, position: number) => {
    const archive = await openSqliteArchive(`${folder}/archive.db`);
    {
      await using service = await startPersistence(bus, archive);
      await ready(service);
      await store(bus, events(count, prefix));
      await until(
        "the archive",
        async () => (await archive.generations()).at(-1)!.position === position,
      );
    }
    const found = await contents(archive);
    await archive.close();
    return found;
  };
  await archived(3, "", 3);
  await Deno.copyFile(`${folder}/archive.db`, `${folder}/copy.db`);
  await archived(2, "later ", 5);
  await Deno.rename(`${folder}/copy.db`, `${folder}/archive.db`);
  assert.deepEqual(await archived(1, "last ", 6), [
    [1, 6, ids(1, 2, 3, "later 1", "later 2", "last 1")],
  ]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("messages that were deleted from the log are no loss, and no reason to begin anew", () =>
  withServer(async (_, bus, archive) => {
    const manager = await managerOf(bus);
    {
      await using service = await startPersistence(bus, archive);
      await ready(service);
      await store(bus, events(5));
      await until("the archive", async () => (await contents(archive))[0]![1] === 5);
      // The last one archived is the one that the next attach would compare.
      await manager.streams.deleteMessage(ROOMS_STREAM, 5);
    }
    await store(bus, events(3, "more "));
    await manager.streams.deleteMessage(ROOMS_STREAM, 7);
    await archiveUpTo(bus, archive, 8);
    assert.deepEqual(await contents(archive), [
      [1, 8, ids(1, 2, 3, 4, 5, "more 1", "more 3")],
    ]);
    const { epoch } = (await archive.generations())[0]!;
    assert.deepEqual(await archive.holes(epoch, 1, 9, 9), [{ first: 7, last: 7, kind: "deleted" }]);
  }));

Deno.test("a restored archive begins a generation, also if it agrees with the log", () =>
  withServer(async (_, bus, archive) => {
    {
      await using service = await startPersistence(bus, archive);
      await ready(service);
      await store(bus, events(3));
      await until("the archive", async () => (await contents(archive))[0]![1] === 3);
    }
    const { term } = await archive.lease();
    await archive.writeSetting(term, "restored", "yes");
    await store(bus, events(1, "more "));
    for (let i = 0; i < 2; i++) {
      await archiveUpTo(bus, archive, 4);
      assert.deepEqual(await contents(archive), [[1, 3, ids(1, 2, 3)], [4, 4, ids("more 1")]]);
    }
  }));

Deno.test("a copy of the log under a new time of creation shares what the archive has", () =>
  withServer(async (_, bus, archive) => {
    await archiveUpTo(bus, archive, 0);
    await store(bus, events(6));
    await archiveUpTo(bus, archive, 6);
    // The same messages at the same times, in a generation that the archive does not know.
    const generation = (await archive.generations())[0]!;
    const copy = await openSqliteArchive(":memory:");
    const next = (await copy.takeLease("test", await copy.lease()))!;
    await copy.startGeneration(next, "before", 1);
    const keys = Array.from({ length: 6 }, (_, i) => ({ room: "lobby", seq: i + 1 }));
    const rows = await archive.rows(generation.epoch, keys);
    await copy.append(next, { epoch: "before", from: 0, to: 6, rows, holes: [] });
    await copy.releaseLease(next);
    await store(bus, events(2, "more "));
    await archiveUpTo(bus, copy, 8);
    assert.deepEqual(await contents(copy), [
      [1, 6, ids(1, 2, 3, 4, 5, 6)],
      [7, 8, ids("more 1", "more 2")],
    ]);
    await copy.close();
  }));
