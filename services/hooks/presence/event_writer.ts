/**
 * Stores events in the stream HOOKS, in the order in which they are given. When one is not stored, no further
 * one is accepted until those that were on their way are: a "left" must not overtake its "joined".
 *
 * @module
 */
import { HEADERS, hookEventSubject, HOOKS_STREAM, type WebhookEvent } from "../../contract/mod.ts";
import { type Bus, createHeaders, LogThrottle, StreamPublisher } from "../../kit/mod.ts";
import { retryDelay } from "../delivery/retry.ts";

/** Events that wait for their ack. A change is up to two events, so there may be one more. */
const MAX_PENDING = 2_000;

/** The delay before events are published again, milliseconds; longer each time. */
const RETRY = { firstDelayMs: 500, maxDelayMs: 8_000 };

interface Pending {
  number: number;
  event: WebhookEvent;
  stored: (seq: number) => void;
}

/** See the module's doc. */
export class EventWriter {
  readonly #bus: Bus;
  readonly #active: () => boolean;
  readonly #publisher: StreamPublisher;
  readonly #throttle = new LogThrottle();
  #failed: Pending[] = [];
  #next = 0;
  #inFlight = 0;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** `active` says whether this instance may store any. */
  constructor(bus: Bus, active: () => boolean) {
    this.#bus = bus;
    this.#active = active;
    this.#publisher = new StreamPublisher(bus, { maxPending: 2 * MAX_PENDING });
  }

  /** Whether another event may be given. */
  get free(): boolean {
    return this.#failed.length === 0 && this.#inFlight < MAX_PENDING && this.#failures === 0 &&
      this.#ready;
  }

  /** Stores an event, and calls `stored` with its seq. Call it only while {@link free}. */
  store(event: WebhookEvent, stored: (seq: number) => void): void {
    this.#send({ number: this.#next++, event, stored });
  }

  /** Ends it: what is on its way may be stored or not. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#publisher.close();
  }

  get #ready(): boolean {
    return this.#active() && this.#bus.connected;
  }

  #send(pending: Pending): void {
    const { event } = pending;
    const headers = createHeaders();
    headers.set(HEADERS.messageId, event.id);
    headers.set("Nats-Expected-Stream", HOOKS_STREAM);
    this.#inFlight++;
    const subject = hookEventSubject(event.type);
    this.#publisher.publish(subject, JSON.stringify(event), headers, (ack, failure) => {
      this.#inFlight--;
      if (this.#closed) return;
      if (ack !== null) pending.stored(ack.seq);
      else {
        this.#failed.push(pending);
        const error = failure?.message;
        this.#throttle.run(() => this.#bus.log.warn("an event was not stored", { error }));
      }
      if (this.#inFlight === 0) this.#settled();
    });
  }

  /** Nothing is on its way: what has failed is sent again after a while. */
  #settled(): void {
    if (this.#failed.length === 0) this.#failures = 0;
    else this.#retryLater();
  }

  #retryLater(): void {
    if (this.#timer !== undefined) return;
    const retry = () => {
      this.#timer = undefined;
      if (!this.#ready) return this.#retryLater();
      // The last one to fail need not be the last one that was given.
      const failed = this.#failed.sort((a, b) => a.number - b.number);
      this.#failed = [];
      for (const pending of failed) this.#send(pending);
    };
    this.#timer = setTimeout(retry, retryDelay(++this.#failures, RETRY));
  }
}
