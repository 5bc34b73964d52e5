/** The number of streams is raised while clients talk, services die and clients are away. */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import { jetstreamManager } from "@nats-io/jetstream";
import {
  messageSubject,
  roomsStream,
  type ServerFrameOf,
  streamIndexOf,
  streamSubjects,
} from "../../services/contract/mod.ts";
import { connectBus, createLogger, keepsMetadata } from "../../services/kit/mod.ts";
import { auditAll } from "../../services/start/commands/audit.ts";
import { findNatsServer, natsVersion } from "../../services/start/nats_server.ts";
import type { TestClient } from "../harness/client.ts";
import { NO_QUOTAS } from "../harness/no_quotas.ts";
import { startOwnService } from "../harness/own_service.ts";
import { secretOf, startReceiver } from "../harness/receiver.ts";
import { startService, startSystem, type TestService } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { declaration } from "./kit/parrot_declaration.ts";

/** Rooms of every stream, however many there are. */
const ROOMS = Array.from({ length: 16 }, (_, i) => `work.${i}`);

type Message = ServerFrameOf<"room-message">;

async function join(client: TestClient, room: string, since?: { seq: number; epoch: string }) {
  client.send({ type: "subscribe", room, since, id: `join-${room}` });
  const answer = await client.answer(`join-${room}`);
  assert.equal(answer.type, "subscribed", JSON.stringify(answer));
  return answer as ServerFrameOf<"subscribed">;
}

/** Asserts that these are the messages of a room in their order, each once and after the one before. */
function assertChain(messages: readonly Message[], before = 0): void {
  let prev = before;
  for (const message of messages) {
    assert.ok(message.seq > prev, `${message.room}: ${message.seq} after ${prev}`);
    assert.equal(message.prev, prev, `${message.room}: ${message.seq}`);
    prev = message.seq;
  }
}

/** Talks in all rooms in turn, a message after the other, until it is told to stop. */
function talk(client: TestClient, name: string) {
  const acks = new Map<string, number>();
  let talking = true;
  let longest = 0;
  const done = (async () => {
    for (let i = 0; talking; i++) {
      const room = ROOMS[i % ROOMS.length]!;
      const id = `${name}-${i}`;
      const began = performance.now();
      client.send({ type: "message", room, content: `${room} ${id}`, id });
      const answer = await client.answer(id);
      longest = Math.max(longest, performance.now() - began);
      assert.equal(answer.type, "ack", JSON.stringify(answer));
      acks.set(`${room} ${id}`, answer.type === "ack" ? answer.seq! : 0);
    }
  })();
  return {
    acks,
    longest: () => longest,
    async stop() {
      talking = false;
      await done;
    },
  };
}

const current = keepsMetadata(await natsVersion(await findNatsServer()));

Deno.test({
  name: "raising the number of streams moves rooms, and no client notices",
  ignore: !current,
  fn: raiseStreams,
});

async function raiseStreams(t: Deno.TestContext): Promise<void> {
  await using receiver = startReceiver();
  await using system = await startSystem({
    gateways: 2,
    persistences: 2,
    own: [declaration],
    webhooks: [{
      id: "shop",
      url: receiver.url,
      secrets: [secretOf(1)],
      events: ["room.message"],
      rooms: ["work.*"],
      concurrency: 1,
      batch: { maxEvents: 100, maxWaitMs: 10 },
    }],
    env: { gateway: NO_QUOTAS, persistence: { STREAMS: "1" } },
  });
  const nats = await connect({ servers: system.nats.url });
  const manager = await jetstreamManager(nats);
  await using _parrot = await startOwnService(system, declaration, {
    main: "tests/scenarios/kit/parrot.ts",
    env: { PARROT_FILE: `${system.folder}/parrot.txt` },
    flags: [`--allow-write=${system.folder}`],
  });
  const talkers = [
    await system.client({ user: "ann", gateway: 0 }),
    await system.client({ user: "bob", gateway: 1 }),
  ];
  const watcher = await system.client({ user: "eve", gateway: 1 });
  const heads = new Map<string, number>();
  let epoch = "";
  for (const room of ROOMS) {
    for (const talker of talkers) await join(talker, room);
    const joined = await join(watcher, room);
    epoch = joined.epoch;
    heads.set(room, joined.seq);
  }
  const raised: TestService[] = [];
  const raise = (streams: number) => {
    const service = startService("persistence", {
      ...system.natsEnv("persistence"),
      SQLITE_PATH: `${system.folder}/archive.db`,
      STREAMS: String(streams),
    });
    raised.push(service);
    return service;
  };
  const talks = talkers.map((client, i) => talk(client, `t${i}`));
  const divided = async (streams: number) => {
    for (let index = 0; index < streams; index++) {
      const wanted = streamSubjects(index, streams);
      await until(`${roomsStream(index)} of ${streams}`, async () => {
        const { config, state } = await manager.streams.info(roomsStream(index));
        assert.deepEqual(config.subjects, wanted);
        const name = ROOMS.find((room) => streamIndexOf(room, streams) === index)!;
        const query = { last_by_subj: messageSubject(name) };
        return state.messages > 0 && await manager.streams.getMessage(roomsStream(index), query);
      });
    }
  };
  try {
    for (const streams of [2, 4]) {
      await t.step(`to ${streams}`, async () => {
        const away = await system.client({ user: "zoe", gateway: streams === 2 ? 0 : 1 });
        const left = new Map<string, number>();
        for (const room of ROOMS) left.set(room, (await join(away, room)).seq);
        for (const { room, seq } of away.frames.filter((one) => one.type === "room-message")) {
          left.set(room, seq);
        }
        away.close();
        const service = raise(streams);
        // Whoever is at it dies: in the first round persistence, in the second also.
        await until("the division to begin", () => manager.streams.info(roomsStream(streams - 1)));
        await (streams === 2 ? system.persistences[0]! : raised[0]!).kill();
        await divided(streams);
        await service.ready();
        const back = await system.client({ user: "zoe", gateway: 0 });
        for (const room of ROOMS) {
          const joined = await join(back, room, { seq: left.get(room)!, epoch });
          assert.deepEqual([joined.recovered, joined.epoch], [true, epoch], room);
        }
        back.close();
        for (const room of ROOMS) {
          const missed = back.frames.filter((one): one is Message =>
            one.type === "room-message" && one.room === room
          );
          assertChain(missed, left.get(room)!);
        }
      });
    }
    for (const one of talks) await one.stop();
    await t.step("nothing is lost, double or out of order", async () => {
      const acked = new Map(talks.flatMap(({ acks }) => [...acks]));
      const seen = () =>
        watcher.frames.filter((one): one is Message => one.type === "room-message");
      await until("the last messages", () => seen().length >= acked.size);
      assert.equal(seen().length, acked.size);
      for (const { room, id, seq } of seen()) assert.equal(acked.get(`${room} ${id}`), seq);
      assert.equal(watcher.closed, undefined);
      for (const room of ROOMS) {
        const here = seen().filter((message) => message.room === room);
        assertChain(here, heads.get(room));
        let page: Message[] = [];
        const all: Message[] = [];
        do {
          const before = all[0]?.seq;
          watcher.send({ type: "history", room, before, limit: 500, id: `h-${room}-${before}` });
          const answer = await watcher.answer(`h-${room}-${before}`);
          assert.equal(answer.type, "history", JSON.stringify(answer));
          page = (answer as unknown as { messages: Message[] }).messages;
          all.unshift(...page.toSorted((a, b) => a.seq - b.seq));
        } while (page.length === 500);
        assert.deepEqual(all.map(({ id, seq }) => [id, seq]), here.map(({ id, seq }) => [id, seq]));
        const states = await Promise.all(
          [0, 1, 2, 3].map((index) =>
            manager.streams.info(roomsStream(index), { subjects_filter: messageSubject(room) })
          ),
        );
        const stored = states.map(({ state }) => state.subjects?.[messageSubject(room)] ?? 0);
        assert.equal(stored.reduce((sum, one) => sum + one, 0), here.length);
      }
    });
    await t.step("a durable listener and an endpoint get each message once, in order", async () => {
      const sent = new Map(ROOMS.map((room) => [
        room,
        talks.flatMap(({ acks }) => [...acks]).filter(([key]) => key.startsWith(`${room} `))
          .sort(([, a], [, b]) => a - b).map(([key]) => key),
      ]));
      const total = [...sent.values()].flat().length;
      const done = async () =>
        (await Deno.readTextFile(`${system.folder}/parrot.txt`)).split("\n")
          .filter((line) => line.startsWith("done ")).map((line) => line.slice(5));
      await until("the listener", async () => (await done()).length >= total);
      const hooked = () => receiver.events.map(({ data }) => (data as { content: string }).content);
      await until("the endpoint", () => hooked().length >= total);
      for (const room of ROOMS) {
        const of = (all: string[]) => all.filter((text) => text.startsWith(`${room} `));
        assert.deepEqual(of(await done()), sent.get(room));
        assert.deepEqual(of(hooked()), sent.get(room));
      }
    });
    await t.step("log and archive are equal", async () => {
      const log = createLogger("judge", { write: () => {} });
      const bus = await connectBus({ url: system.nats.url, name: "judge", log });
      const lines: string[] = [];
      const left = await until("the audit", () => auditAll(bus, false, (line) => lines.push(line)));
      assert.equal(left, 0, lines.join("\n"));
      await bus.drain();
    });
  } finally {
    await Promise.all(raised.map((service) => service.kill()));
    await nats.close();
  }
}
