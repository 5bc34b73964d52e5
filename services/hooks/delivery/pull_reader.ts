/**
 * Pulls messages with a durable consumer: the first when there is one, and what else is there a moment later.
 *
 * @module
 */
import type { Msg, MsgHdrs } from "@nats-io/transport-node";
import { CONSUMER_API, MAX_WEBHOOK_BATCH_BYTES } from "../../contract/mod.ts";
import type { Bus } from "../../kit/mod.ts";

/** How long an answer may take beyond what was asked for, milliseconds. */
const MARGIN_MS = 2_000;

/** How long messages that are there may take to arrive, milliseconds. */
const ARRIVE_MS = 1_000;

const NANOSECONDS_PER_MS = 1_000_000;

/** A message that was delivered. Exactly one of the last three answers it. */
export interface Delivery {
  data: Uint8Array;
  subject: string;
  headers: MsgHdrs | undefined;
  /** Its seq in the stream. */
  seq: number;
  /** How often it was delivered. */
  delivered: number;
  /** When it was stored, nanoseconds since 1970. */
  nanoseconds: string;
  /** It is still at work: the server shall wait on. */
  working(): void;
  /** It is done. */
  ack(): void;
  /** It shall come again, after this time. */
  nak(delayMs: number): void;
}

/** Reads what the server tells in the reply subject; undefined if it is no delivery. */
export function deliveryOf(bus: Bus, message: Msg): (Delivery & { pending: number }) | undefined {
  const { reply } = message;
  if (reply === undefined || !reply.startsWith("$JS.ACK.")) return undefined;
  // $JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer seq>.<time>.<pending>; newer servers may put
  // <domain>.<account> in front of it and a random token behind it.
  const tokens = reply.split(".");
  const at = tokens.length > 9 ? 6 : 4;
  const [delivered, seq, , nanoseconds, pending] = tokens.slice(at) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const answer = (text: string) => void bus.send(reply, text);
  return {
    data: message.data,
    subject: message.subject,
    headers: message.headers,
    seq: Number(seq),
    delivered: Number(delivered),
    nanoseconds,
    pending: Number(pending),
    working: () => answer("+WPI"),
    ack: () => answer("+ACK"),
    nak: (delayMs) => answer(`-NAK ${JSON.stringify({ delay: delayMs * NANOSECONDS_PER_MS })}`),
  };
}

interface Pull {
  wanted: number;
  found: Delivery[];
  pending: number;
  /** Ended: enough came, or the server says that there is no more. */
  done: PromiseWithResolvers<void>;
  ended: boolean;
}

/** See the module's doc. */
export class PullReader {
  readonly #bus: Bus;
  readonly #subject: string;
  readonly #workingMs: number;
  readonly #pulls = new Set<Pull>();
  readonly #waits = new Set<() => void>();
  #closed = false;

  /** The consumer must exist. `workingMs` is how often the server hears that a message is held. */
  constructor(bus: Bus, stream: string, consumer: string, workingMs: number) {
    this.#bus = bus;
    this.#workingMs = workingMs;
    this.#subject = `${CONSUMER_API}.MSG.NEXT.${stream}.${consumer}`;
  }

  /**
   * Returns up to `max` messages: waits up to `firstMs` for the first one, and then `moreMs` for others if
   * there are fewer. What the others hold is bounded, too. Rejects if the consumer cannot be read, or the reader is closed.
   */
  async pull(max: number, firstMs: number, moreMs: number): Promise<Delivery[]> {
    const first = await this.#request(1, firstMs);
    const [one] = first.found;
    if (one === undefined || max === 1) return first.found;
    // The wait may be longer than the server's patience.
    const working = setInterval(() => one.working(), this.#workingMs);
    try {
      if (first.pending < max - 1 && moreMs > 0) await this.#wait(moreMs);
      else if (first.pending === 0) return first.found;
      const { found } = await this.#request(max - 1, 0).catch(() => ({ found: [] }));
      return [one, ...found];
    } finally {
      clearInterval(working);
    }
  }

  /** Waits, but not beyond {@link close}. */
  async #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#waits.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#waits.delete(resolve);
  }

  /** Ends the pulls. What arrives later is given back. */
  close(): void {
    this.#closed = true;
    for (const { done } of this.#pulls) done.resolve();
    for (const end of this.#waits) end();
  }

  async #request(batch: number, waitMs: number): Promise<Pull> {
    if (this.#closed) throw new Error("closed");
    const done = Promise.withResolvers<void>();
    const pull: Pull = { wanted: batch, found: [], pending: 0, done, ended: false };
    const request = waitMs > 0
      ? { batch, expires: waitMs * NANOSECONDS_PER_MS }
      // Events wait in the stream, not in memory: a request takes about so many bytes.
      : { batch, no_wait: true, max_bytes: MAX_WEBHOOK_BATCH_BYTES };
    const reply = this.#bus.createInbox();
    const subscription = this.#bus.nats.subscribe(reply, {
      callback: (error, message) => {
        if (error === null) this.#received(pull, message);
      },
    });
    this.#pulls.add(pull);
    const timer = setTimeout(done.resolve, waitMs > 0 ? waitMs + MARGIN_MS : ARRIVE_MS);
    try {
      if (!this.#bus.send(this.#subject, JSON.stringify(request), { reply })) {
        throw new Error("disconnected");
      }
      await done.promise;
      return pull;
    } finally {
      clearTimeout(timer);
      pull.ended = true;
      this.#pulls.delete(pull);
      if (pull.found.length >= batch) subscription.unsubscribe();
      else Deno.unrefTimer(setTimeout(() => subscription.unsubscribe(), waitMs + MARGIN_MS));
    }
  }

  #received(pull: Pull, message: Msg): void {
    const delivery = deliveryOf(this.#bus, message);
    if (delivery !== undefined) {
      // Too late for its pull: another one gets it.
      if (pull.ended) return delivery.nak(0);
      pull.found.push(delivery);
      pull.pending = delivery.pending;
      if (pull.found.length >= pull.wanted) pull.done.resolve();
      return;
    }
    const { code = 0, description = "" } = message.headers ?? {};
    if (code === 100) return;
    // 404 and 408: there is no more. Anything else is about the consumer.
    if (code === 404 || code === 408 || pull.found.length > 0) pull.done.resolve();
    else if (code === 409 && /maxackpending/i.test(description)) pull.done.resolve();
    else pull.done.reject(new Error(`${code} ${description}`));
  }
}
