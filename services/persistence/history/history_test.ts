import assert from "node:assert/strict";
import { HistoryRead, MAX_PAGE_BYTES, ROOMS_STREAM } from "../../contract/mod.ts";
import { epochOf, FaultError, request } from "../../kit/mod.ts";
import { type NatsServer, startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import type { Archive, ArchivePage, PageQuery } from "../archive/archive.ts";
import type { Snapshot } from "./archive_state.ts";
import { serveHistory } from "./history.ts";
import type { PersistenceOptions } from "../persistence.ts";
import {
  connectTestBus,
  event,
  managerOf,
  ready,
  startPersistence,
  store,
  type TestBus,
} from "../persistence_suite.ts";
import { openSqliteArchive } from "../archive/open_archive.ts";

const refusal = (code: string, text?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof FaultError, String(error));
  assert.equal(error.fault.code, code, error.message);
  if (text !== undefined) assert.match(error.fault.message, text);
  return true;
};

async function withPersistence(
  run: (bus: TestBus, archive: Archive, server: NatsServer) => Promise<void>,
  options: Partial<PersistenceOptions> = {},
): Promise<void> {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archive = await openSqliteArchive(":memory:");
  {
    await using service = await startPersistence(bus, archive, options);
    await ready(service);
    await run(bus, archive, server);
  }
  await archive.close();
}

Deno.test("a read includes everything up to its upTo seq, descending or ascending", () =>
  withPersistence(async (bus) => {
    const many = Array.from(
      { length: 30 },
      (_, i) => event(i % 3 === 0 ? "hall" : "lobby", `${i}`),
    );
    const seqs = await store(bus, many);
    const upTo = seqs.at(-1)!;
    const newest = await request(bus, HistoryRead, { room: "lobby", limit: 3, upTo });
    assert.deepEqual(newest.messages, [
      { ...many[29]!, seq: 30, prev: 29 },
      { ...many[28]!, seq: 29, prev: 27 },
      { ...many[26]!, seq: 27, prev: 26 },
    ]);
    assert.equal(newest.more, true);
    assert.equal(newest.trimmedTo, 0);
    const { created } = await (await managerOf(bus)).streams.info(ROOMS_STREAM);
    assert.equal(newest.epoch, epochOf(String(created)));
    const rising = await request(bus, HistoryRead, { room: "hall", limit: 500, after: 1, upTo });
    assert.deepEqual(rising.messages.map(({ seq }) => seq), [4, 7, 10, 13, 16, 19, 22, 25, 28]);
    assert.equal(rising.messages[0]!.prev, 1);
    assert.equal(rising.more, false);
  }));

Deno.test("a read without upTo returns what is archived now", () =>
  withPersistence(async (bus) => {
    const empty = await request(bus, HistoryRead, { room: "lobby", limit: 5 });
    assert.deepEqual(empty.messages, []);
    await store(bus, [event("lobby", "1")]);
    await until("the message to be archived", async () => {
      const { messages } = await request(bus, HistoryRead, { room: "lobby", limit: 5 });
      return messages.length === 1;
    });
  }));

Deno.test("a read up to a seq above the end of the log is refused", () =>
  withPersistence(async (bus) => {
    await store(bus, [event("lobby", "1")]);
    await assert.rejects(
      request(bus, HistoryRead, { room: "lobby", limit: 5, upTo: 99 }),
      refusal("invalid_format", /ends at 1/),
    );
    await assert.rejects(
      request(bus, HistoryRead, { room: "lobby", limit: 501 }),
      refusal("invalid_format", /limit/),
    );
  }));

Deno.test("pages of large messages fit into replies and together are complete", () =>
  withPersistence(async (bus) => {
    // 30 KiB each, with characters of three bytes, and ones that JSON escapes as six.
    const content = "日".repeat(9_000) + "\u0001".repeat(600);
    const seqs = await store(
      bus,
      Array.from({ length: 100 }, (_, i) => event("lobby", `${i}`, { content })),
    );
    const upTo = seqs.at(-1)!;
    const read: number[] = [];
    let pages = 0;
    for (let more = true; more; pages++) {
      const page = await request(bus, HistoryRead, {
        room: "lobby",
        limit: 500,
        after: read.at(-1) ?? 0,
        upTo,
      });
      assert.ok(JSON.stringify(page).length < 1024 * 1024);
      for (const { seq, prev, content: got } of page.messages) {
        assert.equal(prev, read.at(-1) ?? 0);
        assert.equal(got, content);
        read.push(seq);
      }
      more = page.more;
    }
    assert.deepEqual(read, seqs);
    assert.equal(pages, Math.ceil(100 / Math.floor(MAX_PAGE_BYTES / 30_700)));
  }));

Deno.test("a recreated log is a new epoch, and history goes on in the one before", () =>
  withPersistence(async (bus) => {
    await store(bus, [event("lobby", "old 1"), event("lobby", "old 2")]);
    const old = await request(bus, HistoryRead, { room: "lobby", limit: 5, upTo: 2 });
    await (await managerOf(bus)).streams.delete(ROOMS_STREAM);
    await until("the log to accept messages again", async () => {
      await store(bus, [event("lobby", "new 1")]);
      return true;
    });
    const page = await until("the new epoch", async () => {
      const page = await request(bus, HistoryRead, { room: "lobby", limit: 5, upTo: 3 });
      return page.epoch !== old.epoch && page;
    });
    assert.deepEqual(page.messages.map(({ id, seq, prev }) => [id, seq, prev]), [["new 1", 3, 0]]);
    assert.deepEqual([page.trimmedTo, page.more], [0, true]);
    const query = { room: "lobby", limit: 5, before: 3 };
    for (const before of [query, { ...query, epoch: page.epoch }]) {
      assert.deepEqual(await request(bus, HistoryRead, before), { ...old, more: false });
    }
  }));

const SNAPSHOT: Snapshot = {
  generations: [{ epoch: "e", firstSeq: 1, position: 9, mark: null, unverified: false }],
  unexplained: [],
};

/** Serves history from an archive whose reads the test holds back. */
async function withHeldReads(
  options: { maxReads?: number; maxBytes?: number },
  run: (parts: {
    bus: TestBus;
    reads: PageQuery[];
    release: (page?: Partial<ArchivePage>) => void;
    fail: () => void;
  }) => Promise<void>,
): Promise<void> {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const reads: PageQuery[] = [];
  let gate = Promise.withResolvers<ArchivePage>();
  const stop = serveHistory({
    bus,
    archiveOf: () => ({
      page(query) {
        reads.push(query);
        return gate.promise;
      },
      heads: () => Promise.resolve([]),
    }),
    stateOf: () => ({
      read: () => Promise.resolve(SNAPSHOT),
      reach: () => Promise.resolve(SNAPSHOT),
    }),
    ...options,
  });
  const renew = () => {
    const { resolve, reject } = gate;
    gate = Promise.withResolvers();
    return { resolve, reject };
  };
  await run({
    bus,
    reads,
    release: (page) =>
      renew().resolve({ messages: [], more: false, trimmedTo: 0, position: 9, ...page }),
    fail: () => renew().reject(new Error("no disk")),
  });
  await stop();
}

Deno.test("a thousand equal concurrent reads share one", () =>
  withHeldReads({}, async ({ bus, reads, release }) => {
    const query = { room: "lobby", after: 3, limit: 500, upTo: 9 };
    const all = Array.from({ length: 1_000 }, () => request(bus, HistoryRead, query));
    const other = request(bus, HistoryRead, { ...query, upTo: 8 });
    await until("both reads to be in progress", () => reads.length === 2);
    await bus.nats.flush();
    release({ trimmedTo: 7 });
    for (const page of await Promise.all(all)) assert.equal(page.trimmedTo, 7);
    await other;
    assert.equal(reads.length, 2);
    assert.deepEqual(reads[0], {
      room: "lobby",
      after: 3,
      limit: 500,
      epoch: "e",
      maxBytes: MAX_PAGE_BYTES,
    });
  }));

Deno.test("the number of distinct reads is bounded", () =>
  withHeldReads({ maxReads: 2 }, async ({ bus, reads, release }) => {
    const read = (room: string) => request(bus, HistoryRead, { room, limit: 5 });
    const two = [read("a"), read("b")];
    await until("two reads to be in progress", () => reads.length === 2);
    await assert.rejects(read("c"), refusal("unavailable", /too many history reads/));
    release();
    await Promise.all(two);
  }));

Deno.test("pages being read, and replies not yet sent, are bounded in bytes", () =>
  withHeldReads({ maxBytes: 2 * MAX_PAGE_BYTES }, async ({ bus, reads, release }) => {
    const flush = bus.nats.flush.bind(bus.nats);
    const confirmed = Promise.withResolvers<void>();
    bus.nats.flush = () => confirmed.promise.then(flush);
    let answered = 0;
    const all = Array.from({ length: 6 }, async (_, i) => {
      const page = await request(bus, HistoryRead, { room: `r${i}`, limit: 5 });
      assert.equal(page.messages.length, 1);
      answered++;
    });
    await until("two reads to be in progress", () => reads.length === 2);
    const large = JSON.stringify(event("a", "1", { content: "x".repeat(MAX_PAGE_BYTES - 1_000) }));
    const page = { messages: [{ seq: 1, prev: 0, event: large }] };
    release(page);
    await until("the first replies", () => answered === 2);
    // Everything sent by now arrives before the reply to this flush.
    await flush();
    assert.deepEqual([answered, reads.length], [2, 2]);
    confirmed.resolve();
    for (let more = 4; more > 0; more -= 2) {
      await until("two more reads", () => reads.length === 6 - more + 2);
      release(page);
    }
    await Promise.all(all);
  }));

Deno.test("a failing database is reported as unavailable, without its error text", () =>
  withHeldReads({}, async ({ bus, reads, fail, release }) => {
    const read = () => request(bus, HistoryRead, { room: "lobby", limit: 5 });
    const first = assert.rejects(read(), (error) => {
      refusal("unavailable")(error);
      assert.doesNotMatch((error as Error).message, /disk/);
      assert.equal((error as FaultError).fault.retryAfter, 1_000);
      return true;
    });
    await until("the read to be in progress", () => reads.length === 1);
    fail();
    await first;
    const second = read();
    await until("the next read to be in progress", () => reads.length === 2);
    release();
    assert.equal((await second).messages.length, 0);
  }));

Deno.test("history hides what retention does not keep, and retention leaves the log alone", () =>
  withPersistence(async (bus, archive) => {
    const seqs = await store(bus, Array.from({ length: 20 }, (_, i) => event("short.a", `${i}`)));
    const kept = await store(bus, Array.from({ length: 20 }, (_, i) => event("long", `${i}`)));
    const upTo = kept.at(-1)!;
    const page = await request(bus, HistoryRead, { room: "short.a", limit: 50, upTo });
    assert.deepEqual(page.messages.map(({ seq }) => seq), seqs.slice(-3).reverse());
    assert.equal(page.trimmedTo, seqs.at(-4));
    const whole = await request(bus, HistoryRead, { room: "long", limit: 50 });
    assert.deepEqual([whole.messages.length, whole.trimmedTo], [20, 0]);
    const key = { epoch: page.epoch, room: "short.a" };
    await until("retention", async () => (await archive.seqs(key, 1, upTo, 50)).length === 3);
    const { state } = await (await managerOf(bus)).streams.info(ROOMS_STREAM);
    assert.equal(state.messages, 40);
  }, { retention: [{ pattern: "short.*", maxMessages: 3 }], retentionMs: 50 }));
