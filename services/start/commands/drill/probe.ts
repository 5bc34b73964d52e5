/**
 * Uses a running system as its users do, and measures how long they wait: messages with their acks and
 * deliveries, newcomers, and pages of history. It counts what is lost or delivered twice.
 *
 * @module
 */
import { Hopwire, type Room } from "../../../../client/mod.ts";

/** A message is sent this often, milliseconds: below what one user may send. */
const SEND_EVERY_MS = 20;

/** A newcomer joins, and a page is read, this often at most, milliseconds. */
const ASK_EVERY_MS = 200;

/** How long deliveries and the archive may take after the last message, milliseconds. */
const SETTLE_MS = 30_000;

/** The longest waits since the last {@link Probe.begin}, milliseconds. */
export interface Waits {
  ack: number;
  delivery: number;
  newcomer: number;
  history: number;
}

/** What became of all messages. */
export interface Outcome {
  acked: number;
  /** Acked, and not delivered or not in the history. */
  lost: number;
  /** Delivered more than once, or in the history more than once. */
  twice: number;
}

/** A system in use. */
export interface Probe extends AsyncDisposable {
  readonly waits: Waits;
  /** Forgets the waits so far. */
  begin(): void;
  /** Resolves when a message, a newcomer and a page that began after the call have been served. */
  served(signal: AbortSignal): Promise<void>;
  /** Stops sending, waits for what is on its way, and counts. */
  settle(): Promise<Outcome>;
}

/** Begins to use a system. Resolves when the first message was delivered. */
export async function startProbe(url: string, token: string, room: string): Promise<Probe> {
  const open = () => new Hopwire(url, { token });
  const [sender, listener] = [open(), open()];
  const sending = sender.join(room, { presence: false });
  const listening = listener.join(room, { presence: false });
  await Promise.all([sending.joined, listening.joined]);

  const stop = new AbortController();
  const waits: Waits = { ack: 0, delivery: 0, newcomer: 0, history: 0 };
  /** When the last one of each kind that was served had begun. */
  const served: Waits = { ack: 0, delivery: 0, newcomer: 0, history: 0 };
  const sentAt = new Map<string, number>();
  const acked = new Set<string>();
  const delivered = new Map<string, number>();
  const serve = (kind: keyof Waits, since: number) => {
    waits[kind] = Math.max(waits[kind], performance.now() - Math.max(since, began));
    served[kind] = Math.max(served[kind], since);
  };
  let began = performance.now();
  let number = 0;

  listening.on("message", ({ id }) => {
    if (id === undefined) return;
    delivered.set(id, (delivered.get(id) ?? 0) + 1);
    const at = sentAt.get(id);
    if (at !== undefined) serve("delivery", at);
  });

  const sends = repeat(stop.signal, SEND_EVERY_MS, () => {
    const id = `drill-${number++}`;
    const at = performance.now();
    sentAt.set(id, at);
    // The client sends it again until it is acked: only a refusal, or the end, makes it fail.
    sending.send({ text: id }, { id }).then(() => {
      acked.add(id);
      serve("ack", at);
    }, () => {});
    return Promise.resolve();
  });
  const newcomers = repeat(stop.signal, ASK_EVERY_MS, async () => {
    const at = performance.now();
    const client = open();
    stop.signal.addEventListener("abort", () => client.close(), { once: true });
    try {
      await client.join(room, { presence: false }).joined;
      serve("newcomer", at);
    } finally {
      client.close();
    }
  });
  const pages = repeat(stop.signal, ASK_EVERY_MS, async () => {
    const at = performance.now();
    await readPage(sending, stop.signal);
    serve("history", at);
  });

  const probe: Probe = {
    waits,
    begin() {
      began = performance.now();
      Object.assign(waits, { ack: 0, delivery: 0, newcomer: 0, history: 0 });
    },
    async served(signal) {
      const since = performance.now();
      while (!Object.values(served).every((at) => at > since)) {
        signal.throwIfAborted();
        await pause(20);
      }
    },
    async settle() {
      stop.abort();
      await Promise.all([sends, newcomers, pages]);
      const end = performance.now() + SETTLE_MS;
      let stored = new Map<string, number>();
      const missing = () => [...acked].filter((id) => !delivered.has(id) || !stored.has(id)).length;
      do {
        await pause(200);
        stored = await countHistory(sending).catch(() => stored);
      } while ((missing() > 0 || acked.size < sentAt.size) && performance.now() < end);
      const doubled = (counts: Map<string, number>) =>
        [...counts.values()].filter((count) => count > 1).length;
      return {
        acked: acked.size,
        lost: missing(),
        twice: Math.max(doubled(delivered), doubled(stored)),
      };
    },
    [Symbol.asyncDispose]() {
      stop.abort();
      sender.close();
      listener.close();
      return Promise.resolve();
    },
  };
  await probe.served(AbortSignal.timeout(SETTLE_MS));
  return probe;
}

/** Does something again and again, however it ends, until the signal is aborted. */
async function repeat(signal: AbortSignal, every: number, run: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await run().catch(() => {});
    await pause(every);
  }
}

/** Reads one page of history. */
async function readPage(room: Room, signal: AbortSignal): Promise<void> {
  for await (const _message of room.history({ pageSize: 10, signal })) return;
}

/** How often each message is in the history of a room. */
async function countHistory(room: Room): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for await (const { id } of room.history({ signal: AbortSignal.timeout(SETTLE_MS) })) {
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
