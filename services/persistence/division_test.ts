/** Streams of the log are divided while they store, archive and answer. */
import { jetstream } from "@nats-io/jetstream";
import assert from "node:assert/strict";
import type * as z from "zod";
import { startNats } from "../../tests/harness/nats.ts";
import { until } from "../../tests/harness/wait.ts";
import {
  type ArchivedMessage,
  deduplicationId,
  HEADERS,
  HistoryErase,
  HistoryHeads,
  HistoryRead,
  MAX_HISTORY_LIMIT,
  messageSubject,
  type RoomEvent,
  roomsStream,
  streamSubjects,
} from "../contract/mod.ts";
import {
  createHeaders,
  epochOfStream,
  keepsMetadata,
  managerOfLeaders,
  request,
} from "../kit/mod.ts";
import { auditAll } from "../start/commands/audit.ts";
import { openSqliteArchive } from "./archive/open_archive.ts";
import {
  connectTestBus,
  event,
  managerOf,
  ready,
  startPersistence,
  type TestBus,
} from "./persistence_suite.ts";

/** One room of each of four streams. */
const ROOMS_OF_ALL = ["a", "b", "hall", "lobby"];

/** Publishes a message as a gateway does, with its id. */
async function publishOnce(bus: TestBus, one: RoomEvent) {
  const headers = createHeaders();
  headers.set(HEADERS.checked, "1");
  headers.set(HEADERS.messageId, deduplicationId(one.userId, one.room, one.id));
  const options = { headers, timeout: 1_000, retries: 1 };
  return await jetstream(bus.nats).publish(messageSubject(one.room), JSON.stringify(one), options);
}

async function storeOnce(bus: TestBus, one: RoomEvent): Promise<number> {
  return (await publishOnce(bus, one)).seq;
}

/** Between messages, so that there are not too many of them. */
const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 10));

/** A manager that fails for good at its n-th change of a stream, as if the process had died there. */
async function dying(bus: TestBus, changes: number) {
  const manager = await managerOfLeaders(bus, { timeout: 2_000 });
  let left = changes;
  for (const call of ["add", "update"] as const) {
    const real = manager.streams[call].bind(manager.streams) as (
      ...args: unknown[]
    ) => Promise<unknown>;
    Object.assign(manager.streams, {
      [call](...args: unknown[]) {
        if (--left > 0) return real(...args);
        return Promise.reject(new Error("it died"));
      },
    });
  }
  return { manager, died: () => left <= 0 };
}

Deno.test("streams are divided while they store, archive and answer, and never joined", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-streams-" });
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  await using otherBus = await connectTestBus(server);
  const manager = await managerOf(bus);
  const open = () => openSqliteArchive(`${folder}/archive.db`);
  const [archive, otherArchive] = [await open(), await open()];
  const sent = new Map<string, string[]>(ROOMS_OF_ALL.map((room) => [room, []]));
  const seqs = new Map<string, number[]>(ROOMS_OF_ALL.map((room) => [room, []]));
  let count = 0;
  /** Stores one message in each room, in turn; what is not stored is sent again, as a gateway does. */
  const storeAll = async () => {
    const id = `${count++}`;
    for (const room of ROOMS_OF_ALL) {
      const one = event(room, id, { userId: count % 3 === 0 ? "bob" : "ann" });
      const seq = await until(
        "the message to be stored",
        async () => (await storeOnce(bus, one).catch(() => null)),
      );
      sent.get(room)!.push(id);
      seqs.get(room)!.push(seq);
    }
  };
  const read = async (room: string) => {
    const messages: ArchivedMessage[] = [];
    const upTo = seqs.get(room)!.at(-1)!;
    for (let more = true; more;) {
      const after = messages.at(-1)?.seq ?? 0;
      const query = { room, after, upTo, limit: MAX_HISTORY_LIMIT };
      const page = await until("history", () => request(bus, HistoryRead, query));
      messages.push(...page.messages);
      more = page.more;
    }
    return messages;
  };
  const check = async () => {
    for (const room of ROOMS_OF_ALL) {
      const messages = await read(room);
      assert.deepEqual(messages.map(({ id }) => id), sent.get(room));
      assert.deepEqual(messages.map(({ seq }) => seq), seqs.get(room));
      assert.deepEqual(messages.map(({ prev }) => prev), [0, ...seqs.get(room)!.slice(0, -1)]);
    }
    assert.equal(await auditAll(bus, false, (line) => line.includes(":") && assert.fail(line)), 0);
  };
  let epoch = "";
  {
    await using service = await startPersistence(bus, archive);
    await ready(service);
    for (let i = 0; i < 9; i++) await storeAll();
    epoch = epochOfStream(await manager.streams.info("ROOMS"));
  }
  if (!keepsMetadata(bus.nats.info!.version)) {
    await using service = await startPersistence(bus, archive, { streams: 2 });
    const refused = /needs nats-server 2.10/;
    await until("the error", () => bus.lines.some(({ error }) => refused.test(`${error}`)));
    await ready(service);
    await storeAll();
    await check();
    assert.deepEqual(await archive.streamCounts(), [1]);
  } else {
    await t.step("by instances that die at every change", async () => {
      let talking = true;
      const stored = (async () => {
        while (talking) await storeAll().then(pause);
      })();
      const isDivided = async () => `${await archive.streamCounts()}` === "2,2";
      for (let changes = 1; changes <= 6 && !await isDivided(); changes++) {
        const dead = await dying(bus, changes);
        await using _service = await startPersistence(bus, archive, { streams: 2 }, dead.manager);
        await until("its death", async () => dead.died() || await isDivided());
      }
      {
        await using service = await startPersistence(bus, archive, { streams: 2 });
        await until("the division", isDivided);
        await ready(service);
        talking = false;
        await stored;
        await check();
      }
    });
    const streams = 4;
    await t.step("while the other instance wants fewer", async () => {
      await using other = await startPersistence(otherBus, otherArchive, { streams: 1 });
      await using service = await startPersistence(bus, archive, { streams });
      const storing = { on: true };
      const stored = (async () => {
        while (storing.on) await storeAll().then(pause);
      })();
      await until("all to be divided", async () => {
        const counts = await archive.streamCounts();
        return counts.length === streams && counts.every((count) => count === streams);
      });
      await Promise.all([ready(service), ready(other)]);
      storing.on = false;
      await stored;
      for (let index = 0; index < streams; index++) {
        const info = await manager.streams.info(roomsStream(index));
        assert.equal(epochOfStream(info), epoch);
        await until("its subjects", async () => {
          const { config } = await manager.streams.info(roomsStream(index));
          assert.deepEqual(config.subjects, streamSubjects(index, streams));
          return true;
        });
      }
      await check();
      // What was sent before is recognised when it is sent again.
      for (const room of ROOMS_OF_ALL) {
        const ids = sent.get(room)!;
        const ack = await publishOnce(bus, event(room, ids[0]!, { userId: "ann" }));
        assert.ok(ack.duplicate, room);
      }
      for (const room of ROOMS_OF_ALL) {
        assert.deepEqual(await request(bus, HistoryHeads, { rooms: [room] }), {
          epoch,
          heads: [seqs.get(room)!.at(-1)],
        });
      }
    });
    await t.step("and messages of before and after are erased where they are", async () => {
      await using service = await startPersistence(bus, archive, { streams: 1 });
      await ready(service);
      const room = ROOMS_OF_ALL[3]!;
      const total = async () => {
        let messages = 0;
        for (let index = 0; index < 4; index++) {
          messages += (await manager.streams.info(roomsStream(index))).state.messages;
        }
        return messages;
      };
      const before = await total();
      for (const seq of [seqs.get(room)![0]!, seqs.get(room)!.at(-1)!]) {
        assert.deepEqual(
          await until("the erasure", () => request(bus, HistoryErase, { room, seq })),
          { erased: 1 },
        );
      }
      assert.equal(await total(), before - 2);
      const left = sent.get(room)!.filter((_, i) => i % 3 === 2).length * ROOMS_OF_ALL.length;
      let erased = 0;
      let after: z.infer<typeof HistoryErase["reply"]>["next"];
      do {
        const done = await request(bus, HistoryErase, { userId: "bob", after }, {
          timeout: 30_000,
        });
        erased += done.erased;
        after = done.next;
      } while (after !== undefined);
      assert.ok(erased >= left - 2 && erased <= left, `${erased} of ${left}`);
      assert.equal(await total(), before - 2 - erased);
      assert.equal(await auditAll(bus, false, () => {}), 0);
    });
  }
  await Promise.all([archive.close(), otherArchive.close()]);
  await Deno.remove(folder, { recursive: true });
});
