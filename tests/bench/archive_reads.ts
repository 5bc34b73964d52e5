/**
 * `deno task bench-archive`: how long an append to PostgreSQL takes while 1,024 reads of history are in
 * progress all the time, in one process, as in a persistence service. Prints p50, p99 and the maximum, idle
 * and under reads.
 *
 * @module
 */
import { openPostgresArchive } from "../../services/persistence/archive/open_archive.ts";
import { startPostgres } from "../harness/postgres.ts";

/** Reads in progress. */
const READS = 1_024;

/** Rooms, messages in each, and messages in one page. */
const ROOMS = 64;
const MESSAGES = 500;
const PAGE = 50;

/** Messages in one batch, batches, and the time between two of them, milliseconds. */
const BATCH = 20;
const BATCHES = 200;
const PAUSE_MS = 50;

const EPOCH = "bench";

/** The events of a batch. */
function batchFrom(first: number, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const seq = first + i;
    const room = `room-${seq % ROOMS}`;
    const event = JSON.stringify({
      room,
      id: `m${seq}`,
      userId: "ann",
      username: "Ann",
      content: "x".repeat(160),
      timestamp: 1_790_000_000_000,
    });
    return { seq, room, storedAt: 1_790_000_000_000 + seq, event };
  });
}

await using server = await startPostgres();
const archive = openPostgresArchive(await server.createDatabase());
const term = (await archive.takeLease("bench", await archive.lease()))!;
await archive.startGeneration(term, EPOCH, 1);
let position = 0;
const append = async (count: number) => {
  const rows = batchFrom(position + 1, count);
  const to = position + count;
  const began = performance.now();
  await archive.append(term, { epoch: EPOCH, from: position, to, rows, holes: [] });
  position = to;
  return performance.now() - began;
};
for (let i = 0; i < ROOMS * MESSAGES; i += 2_000) await append(2_000);

/** Appends at a steady rate and prints how long each append took. */
async function measure(what: string, pages: () => number): Promise<void> {
  const times: number[] = [];
  const before = pages();
  const began = performance.now();
  for (let i = 0; i < BATCHES; i++) {
    times.push(await append(BATCH));
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  const seconds = (performance.now() - began) / 1_000;
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(share * (times.length - 1))]!.toFixed(1);
  const rate = Math.round((pages() - before) / seconds);
  // deno-lint-ignore no-console
  console.log(
    `${what}: append p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms; ${rate} pages/s`,
  );
}

let read = 0;
await measure("idle", () => read);
let stopped = false;
const readers = Array.from({ length: READS }, async (_, i) => {
  for (let before = position; !stopped; before -= PAGE) {
    if (before <= PAGE) before = position;
    await archive.page({
      epoch: EPOCH,
      room: `room-${i % ROOMS}`,
      before,
      limit: PAGE,
      maxBytes: 655_360,
    });
    read++;
  }
});
await measure(`${READS} reads`, () => read);
stopped = true;
await Promise.all(readers);
await archive.close();
