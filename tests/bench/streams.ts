/**
 * `deno task bench-streams`: how many messages a second a log of 1, 2 and 4 streams stores, and how many
 * persistence archives, on this machine. The counts take turns in each round, so that whatever else runs
 * touches all of them alike. Prints the median of the rounds, and the CPU time that a message took, which
 * another load changes less than the rates.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { messageSubject, roomsStream } from "../../services/contract/mod.ts";
import { connectBus, createLogger, StreamPublisher } from "../../services/kit/mod.ts";
import {
  openPostgresArchive,
  openSqliteArchive,
} from "../../services/persistence/archive/open_archive.ts";
import type { Archive } from "../../services/persistence/archive/archive.ts";
import { startNats } from "../harness/nats.ts";
import { startPostgres } from "../harness/postgres.ts";
import { startService } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { cpuOf } from "./processes.ts";

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "60000" },
    rounds: { type: "string", default: "3" },
    postgres: { type: "boolean", default: false },
  },
});
const MESSAGES = Number(values.messages);
const ROUNDS = Number(values.rounds);
const COUNTS = [1, 2, 4];

/** Rooms, and characters of content. */
const ROOMS = 256;
const CONTENT = "x".repeat(160);

/** What one run measured: a second, and microseconds of CPU time a message. */
interface Measured {
  published: number;
  archived: number;
  natsPublishing: number;
  persistence: number;
}

await using postgres = values.postgres ? await startPostgres() : null;

/** Stores all messages, as fast as acks allow. */
async function publishAll(publisher: StreamPublisher): Promise<void> {
  let next = 0;
  await new Promise<void>((resolve, reject) => {
    let left = MESSAGES;
    const fill = () => {
      while (next < MESSAGES && publisher.pending < 1_024) {
        const room = `room-${next % ROOMS}`;
        const event = {
          room,
          id: `m${next}`,
          userId: "ann",
          username: "Ann",
          content: CONTENT,
          timestamp: 1_790_000_000_000,
        };
        next++;
        publisher.publish(messageSubject(room), JSON.stringify(event), undefined, (stored) => {
          if (stored === null) return reject(new Error("a message was not stored"));
          if (--left === 0) resolve();
          else if (publisher.pending <= 512) fill();
        });
      }
    };
    fill();
  });
}

async function positions(archive: Archive, count: number): Promise<number> {
  const found = await Promise.all(
    Array.from({ length: count }, (_, i) => archive.of(roomsStream(i), count).generations()),
  );
  return found.reduce((sum, generations) => sum + (generations.at(-1)?.position ?? 0), 0);
}

async function run(count: number): Promise<Measured> {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-bench-" });
  await using server = await startNats();
  const path = `${folder}/archive.db`;
  const url = await postgres?.createDatabase();
  const place: Record<string, string> = url === undefined
    ? { SQLITE_PATH: path }
    : { DATABASE_URL: url };
  const env = { NATS_URL: server.url, STREAMS: String(count), ...place };
  const maker = startService("persistence", env);
  await maker.ready();
  // The streams are there: publish while nobody archives.
  await maker.kill();
  const log = createLogger("bench", { write: () => {} });
  const bus = await connectBus({ url: server.url, name: "bench", log });
  const publisher = new StreamPublisher(bus);
  const before = cpuOf(server.process.pid);
  let began = performance.now();
  await publishAll(publisher);
  const publishing = performance.now() - began;
  const natsPublishing = (cpuOf(server.process.pid) - before) / MESSAGES;
  publisher.close();
  await bus.drain();

  const archive = url === undefined ? await openSqliteArchive(path) : openPostgresArchive(url);
  await using persistence = startService("persistence", env);
  await until("the first messages", async () => await positions(archive, count) > 0, 60_000);
  const from = await positions(archive, count);
  const cpu = cpuOf(persistence.process.pid);
  began = performance.now();
  await until("the archive", async () => await positions(archive, count) === MESSAGES, 300_000);
  const archiving = performance.now() - began;
  const persistenceCpu = (cpuOf(persistence.process.pid) - cpu) / (MESSAGES - from);
  await archive.close();
  await Deno.remove(folder, { recursive: true });
  return {
    published: MESSAGES / publishing * 1_000,
    archived: (MESSAGES - from) / archiving * 1_000,
    natsPublishing,
    persistence: persistenceCpu,
  };
}

const results = new Map(COUNTS.map((count) => [count, [] as Measured[]]));
for (let round = 0; round < ROUNDS; round++) {
  for (const count of COUNTS) results.get(count)!.push(await run(count));
}
const median = (list: number[]) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]!;
for (const [count, runs] of results) {
  const of = (field: keyof Measured) => median(runs.map((one) => one[field]));
  // deno-lint-ignore no-console
  console.log(
    `${count} ${count === 1 ? "stream " : "streams"}: published ${
      Math.round(of("published"))
    }/s, ` +
      `${of("natsPublishing").toFixed(1)} us of nats-server a message; ` +
      `archived ${Math.round(of("archived"))}/s, ${of("persistence").toFixed(1)} us of persistence`,
  );
}
Deno.exit(0);
