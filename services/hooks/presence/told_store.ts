/**
 * Keeps {@link Told}: a few parts a second into the stream HOOKS_STATE, and the seq from which an instance that
 * takes over has to read the stream HOOKS.
 *
 * @module
 */
import { jetstreamManager } from "@nats-io/jetstream";
import * as z from "zod";
import { HOOKS_STREAM, WebhookEvent } from "../../contract/mod.ts";
import { type Bus, errorText, LogThrottle } from "../../kit/mod.ts";
import type { StateStore } from "../state/state_store.ts";
import { hasCode, isOwn } from "../state/streams.ts";
import { type Entry, PARTS, Told } from "./told.ts";

/** JetStream's code: there is no such message. */
const NO_MESSAGE = 10037;

/** How often parts are written, milliseconds, and how many: all of them within a minute. */
const WRITE_MS = 1_000;
const WRITTEN_AT_ONCE = 5;

/** Reads of JetStream at a time. */
const CONCURRENT_READS = 32;

const TIMEOUT_MS = 5_000;

const Part = z.object({
  asOf: z.number().int().min(0),
  entries: z.array(z.array(z.string()).min(1).max(3)),
});
const Floor = z.object({ seq: z.number().int().min(0) });

/** Calls `work` for each number from `from` to `to`, a bounded number of them at a time. */
async function each(from: number, to: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = from;
  const run = async () => {
    while (next <= to) await work(next++);
  };
  await Promise.all(Array.from({ length: CONCURRENT_READS }, run));
}

/** Reads what was told: the parts, and the events since then. Rejects if JetStream does not answer. */
export async function readTold(bus: Bus, store: StateStore): Promise<Told> {
  const told = new Told();
  await each(0, PARTS - 1, async (part) => {
    const kept = await store.read(`told.${part}`, Part);
    if (kept !== undefined) told.load(part, kept.value as { asOf: number; entries: Entry[] });
  });
  const floor = (await store.read("floor", Floor))?.value.seq ?? 0;
  const manager = await jetstreamManager(bus.nats, { checkAPI: false, timeout: TIMEOUT_MS });
  const { state } = await manager.streams.info(HOOKS_STREAM);
  // A stream that was lost has begun again.
  const from = Math.max(state.first_seq, floor <= state.last_seq ? floor + 1 : 1);
  const events: (WebhookEvent | undefined)[] = [];
  await each(from, state.last_seq, async (seq) => {
    try {
      const message = await manager.streams.getMessage(HOOKS_STREAM, { seq });
      if (message === null || !isOwn(message.header, HOOKS_STREAM)) return;
      if (!message.subject.startsWith("hook.event.")) return;
      const parsed = WebhookEvent.safeParse(message.json());
      if (parsed.success) events[seq - from] = parsed.data;
    } catch (error) {
      // It has expired meanwhile.
      if (!hasCode(error, NO_MESSAGE)) throw error;
    }
  });
  events.forEach((event, i) => {
    if (event !== undefined) told.replay(event, from + i);
  });
  told.reached(state.last_seq);
  return told;
}

/** Writes what changes from now on, while `active`. Returns a function that stops. */
export function keepTold(
  bus: Bus,
  store: StateStore,
  told: Told,
  active: () => boolean,
): () => void {
  const throttle = new LogThrottle();
  let floor = -1;
  let writing = false;
  const write = async () => {
    if (writing || !bus.connected || !active()) return;
    writing = true;
    try {
      for (const part of told.due(WRITTEN_AT_ONCE)) {
        const one = told.write(part);
        if (one === undefined) continue;
        await store.write(`told.${part}`, { asOf: one.asOf, entries: one.entries });
        one.written();
      }
      const now = told.floor;
      if (now !== floor) await store.write("floor", { seq: now });
      floor = now;
    } catch (error) {
      const fields = { error: errorText(error) };
      throttle.run(() => bus.log.warn("cannot keep what webhooks have told", fields));
    } finally {
      writing = false;
    }
  };
  const timer = setInterval(write, WRITE_MS);
  return () => clearInterval(timer);
}
