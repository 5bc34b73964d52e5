/**
 * Reads the archive of a room over the bus, and audits it.
 *
 * @module
 */
import { connect, type NatsConnection } from "@nats-io/transport-node";
import {
  type ArchivedMessage,
  type HistoryPage,
  HistoryRead,
} from "../../services/contract/mod.ts";
import { connectBus, createLogger } from "../../services/kit/mod.ts";
import { auditAll } from "../../services/start/commands/audit.ts";
import type { System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

/** Most messages of a page. */
const PAGE = 500;

/** An archived message, and the epoch of the log that it comes from. */
export type ArchivedEntry = ArchivedMessage & { epoch: string };

/** A room's archive over all epochs, oldest message first. */
export interface RoomArchive {
  messages: ArchivedEntry[];
  /** The epoch of the newest message, or of the log if there is none. */
  epoch: string;
}

/**
 * Reads a room's whole archive, from its end to its beginning. Waits until it has reached `upTo`,
 * because archiving lags briefly behind acks.
 *
 * @throws {Error} if a page cannot be read in time
 */
export async function readArchive(
  system: System,
  room: string,
  upTo: number,
): Promise<RoomArchive> {
  const pages = await readPages(system, { room, upTo: upTo || undefined }, "before");
  return { messages: pages.flatMap(entries).reverse(), epoch: pages[0]!.epoch };
}

/**
 * Audits the archive and returns what is wrong: what `deno task audit` finds, and rooms whose history is
 * not the same backwards and forwards, each message once, each `prev` the seq of the message before.
 */
export async function auditArchive(system: System, rooms: readonly string[]): Promise<string[]> {
  const wrong = await until("the audit", () => differences(system));
  for (const room of rooms) {
    const { messages: backwards, epoch } = await readArchive(system, room, 0);
    const oldest = backwards[0]?.epoch ?? epoch;
    const pages = await readPages(system, { room, after: 0, epoch: oldest }, "after");
    const forwards = pages.flatMap(entries);
    // Retention may have deleted the oldest messages between the two.
    const kept = backwards.slice(forwards.length === 0 ? backwards.length : -forwards.length);
    const key = ({ epoch, seq, id }: ArchivedEntry) => `${epoch} ${seq} ${id}`;
    if (kept.map(key).join() !== forwards.map(key).join()) {
      wrong.push(
        `${room}: the history has ${backwards.length} messages backwards, and ` +
          `${forwards.length} others forwards`,
      );
    }
    for (const [i, { epoch, seq, prev }] of forwards.entries()) {
      const before = forwards[i - 1];
      // A higher one shows that messages between them are lost.
      if (before?.epoch === epoch && (prev < before.seq || seq <= prev)) {
        wrong.push(`${room}: in the archive ${seq} has prev ${prev} and follows ${before.seq}`);
      }
    }
  }
  return wrong;
}

/** Returns the differences between log and archive. */
async function differences(system: System): Promise<string[]> {
  const log = createLogger("judge", { write: () => {} });
  const bus = await connectBus({ url: system.nats.url, name: "judge", log });
  try {
    const lines: string[] = [];
    const left = await auditAll(bus, false, (line) => lines.push(`audit: ${line}`));
    return left === 0 ? [] : lines;
  } finally {
    await bus.drain();
  }
}

/** Reads all pages in one direction. The epoch of a page goes with the cursor of the next one. */
async function readPages(
  system: System,
  query: { room: string; upTo?: number; after?: number; epoch?: string },
  cursor: "before" | "after",
): Promise<HistoryPage[]> {
  const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
  try {
    const pages = [await readPage(nats, query)];
    for (;;) {
      const { messages, more, epoch } = pages.at(-1)!;
      const last = messages.at(-1);
      if (!more || last === undefined) return pages;
      pages.push(await readPage(nats, { room: query.room, [cursor]: last.seq, epoch }));
    }
  } finally {
    await nats.close();
  }
}

function entries({ messages, epoch }: HistoryPage): ArchivedEntry[] {
  return messages.map((message) => ({ ...message, epoch }));
}

/** Reads one page. Repeats the read while persistence refuses it or does not answer. */
async function readPage(nats: NatsConnection, query: object): Promise<HistoryPage> {
  const text = JSON.stringify({ ...query, limit: PAGE });
  return await until(`history of ${text}`, async () => {
    const reply = await nats.request(HistoryRead.subject, text, { timeout: 5_000 });
    return HistoryRead.reply.parse(reply.json());
  });
}
