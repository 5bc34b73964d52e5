/** A log of several streams: each is archived by itself, and all are served as one. */
import assert from "node:assert/strict";
import { ArchiveAudit, HistoryErase, HistoryHeads, HistoryRead } from "../contract/mod.ts";
import { epochOfStream, FaultError, request } from "../kit/mod.ts";
import { auditAll } from "../start/commands/audit.ts";
import { startNats } from "../../tests/harness/nats.ts";
import { until } from "../../tests/harness/wait.ts";
import { openSqliteArchive } from "./archive/open_archive.ts";
import {
  connectTestBus,
  event,
  managerOf,
  ready,
  startPersistence,
  store,
} from "./persistence_suite.ts";

/** Of two streams, these rooms are in the second one and in the first one. */
const [LOBBY, HALL] = ["lobby", "hall"];

Deno.test("two streams are archived, read, audited and erased, whoever holds their leases", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-streams-" });
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  await using otherBus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const archive = await openSqliteArchive(`${folder}/archive.db`);
  const otherArchive = await openSqliteArchive(`${folder}/archive.db`);
  {
    // Another instance takes the lease of the second stream before this one starts.
    const second = archive.of("ROOMS_1", 2);
    const held = (await second.takeLease("another", await second.lease()))!;
    await using service = await startPersistence(bus, archive, { streams: 2 });
    await using other = await startPersistence(otherBus, otherArchive, { streams: 2 });
    await second.releaseLease(held);
    await Promise.all([ready(service), ready(other)]);
    // Ready may mean that another one holds the lease, as it was a moment ago.
    await until("the second stream", () => manager.streams.info("ROOMS_1"));
    const events = Array.from(
      { length: 60 },
      (_, i) => event(i % 2 === 0 ? LOBBY : HALL, `${i}`, { userId: i % 3 === 0 ? "bob" : "ann" }),
    );
    const seqs = await store(bus, events);
    // Each stream counts by itself.
    assert.deepEqual([seqs.at(-2), seqs.at(-1)], [30, 30]);
    const read = async (
      room: string,
    ) => (await request(bus, HistoryRead, { room, after: 0, upTo: 30, limit: 99 }));
    for (const room of [LOBBY, HALL]) {
      const { messages, epoch } = await read(room);
      const sent = events.filter((one) => one.room === room).map(({ id }) => id);
      assert.deepEqual(messages.map(({ id }) => id), sent);
      assert.deepEqual(messages.map(({ prev }) => prev), sent.map((_, i) => i));
      const stream = await manager.streams.info(room === LOBBY ? "ROOMS_1" : "ROOMS");
      assert.equal(epoch, epochOfStream(stream));
      assert.deepEqual(await request(bus, HistoryHeads, { rooms: [room] }), { epoch, heads: [30] });
    }
    const both = await request(bus, HistoryHeads, { rooms: [LOBBY, "none", HALL] });
    const [first, , last] = both.epochs!;
    assert.deepEqual([both.heads, both.epoch], [[30, 0, 30], first]);
    assert.notEqual(first, last);

    const lines: string[] = [];
    assert.equal(await auditAll(bus, false, (line) => lines.push(line)), 0);
    assert.deepEqual(lines, ["60 messages of the log compared, 0 differences"]);
    const { streams } = await request(bus, ArchiveAudit, { stream: 1 });
    assert.equal(streams, 2);
    await assert.rejects(request(bus, ArchiveAudit, { stream: 2 }), FaultError);

    assert.deepEqual(await request(bus, HistoryErase, { room: LOBBY, seq: 2 }), { erased: 1 });
    const { messages } = (await manager.streams.info("ROOMS_1")).state;
    assert.equal(messages, 29);
    assert.deepEqual(await request(bus, HistoryErase, { userId: "bob" }), { erased: 20 });
    for (const room of [LOBBY, HALL]) {
      for (const { userId } of (await read(room)).messages) assert.notEqual(userId, "bob");
    }
    assert.equal(await auditAll(bus, true, () => {}), 0);

    // Only the stream that is lost begins a generation.
    const kept = await archive.generations();
    await manager.streams.delete("ROOMS_1");
    await until("another generation", async () => (await second.generations()).length === 2);
    assert.deepEqual(await archive.generations(), kept);
    await until(
      "the log to be open",
      async () => (await store(bus, [event(LOBBY, "new")]))[0] === 31,
    );
  }
  await Promise.all([archive.close(), otherArchive.close()]);
  await Deno.remove(folder, { recursive: true });
});
