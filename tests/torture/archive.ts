/**
 * Reads the archive of a room over the bus, and audits it.
 *
 * @module
 */
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { ArchivedMessage, type HistoryPage, HistoryRead } from "../../services/contract/mod.ts";
import type { System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

/** Most messages of a page. */
const PAGE = 500;

/** A room's archive, oldest message first. */
export interface RoomArchive {
  messages: ArchivedMessage[];
  /** The epoch of the log that the seqs belong to. */
  epoch: string;
  /** Retention deleted, or the log lost, messages up to this seq. */
  trimmedTo: number;
}

/**
 * Reads a room's whole archive. Waits until it has reached `upTo`, because archiving lags briefly
 * behind acks.
 *
 * @throws {Error} if a page cannot be read in time
 */
export async function readArchive(
  system: System,
  room: string,
  upTo: number,
): Promise<RoomArchive> {
  return await withNats(system, async (nats) => {
    const messages: ArchivedMessage[] = [];
    for (let after = 0;;) {
      const page = await readPage(nats, { room, after, upTo: upTo || undefined });
      messages.push(...page.messages);
      const { epoch, trimmedTo } = page;
      if (!page.more || page.messages.length === 0) return { messages, epoch, trimmedTo };
      after = page.messages.at(-1)!.seq;
    }
  });
}

/**
 * Audits the archive of rooms and returns what is wrong. An audit of the persistence service's own can
 * replace it. Until there is one, it reads each room's history forwards and backwards: both must
 * have the same messages, each once, and each `prev` must be the seq of the message before.
 */
export async function auditArchive(system: System, rooms: readonly string[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const room of rooms) {
    const { messages: forwards } = await readArchive(system, room, 0);
    const backwards = await readBackwards(system, room);
    // Retention may delete the oldest messages between the two.
    const oldest = backwards[0]?.seq ?? Infinity;
    const kept = forwards.filter(({ seq }) => seq >= oldest);
    const key = ({ seq, prev, id }: ArchivedMessage) => `${seq} ${prev} ${id}`;
    if (kept.map(key).slice(1).join() !== backwards.map(key).slice(1).join()) {
      wrong.push(
        `${room}: forwards the history has ${kept.length} messages that are not the ` +
          `${backwards.length} that it has backwards`,
      );
    }
    for (const [i, { seq, prev }] of forwards.entries()) {
      const before = forwards[i - 1];
      if (before !== undefined && (prev !== before.seq || seq <= prev)) {
        wrong.push(`${room}: in the archive ${seq} has prev ${prev} and follows ${before.seq}`);
      }
    }
  }
  return wrong;
}

/** Reads a room's whole archive from its end to its beginning. Returns the oldest message first. */
async function readBackwards(system: System, room: string): Promise<ArchivedMessage[]> {
  return await withNats(system, async (nats) => {
    const messages: ArchivedMessage[] = [];
    let before: number | undefined;
    for (;;) {
      const page = await readPage(nats, { room, before });
      messages.push(...page.messages);
      if (!page.more || page.messages.length === 0) return messages.reverse();
      before = page.messages.at(-1)!.seq;
    }
  });
}

/** Reads one page. Repeats the read while persistence refuses it or does not answer. */
async function readPage(nats: NatsConnection, query: object): Promise<HistoryPage> {
  const text = JSON.stringify({ ...query, limit: PAGE });
  return await until(`history of ${text}`, async () => {
    const reply = await nats.request(HistoryRead.subject, text, { timeout: 5_000 });
    return HistoryRead.reply.parse(reply.json());
  });
}

async function withNats<T>(
  system: System,
  work: (nats: NatsConnection) => Promise<T>,
): Promise<T> {
  const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
  try {
    return await work(nats);
  } finally {
    await nats.close();
  }
}
