/**
 * Sends the events of one endpoint, and settles each: acknowledged, to be tried again, or given up.
 *
 * @module
 */
import type { HookState, WebhookEndpoint, WebhookEvent } from "../../contract/mod.ts";
import {
  type Bus,
  contextOf,
  errorText,
  isSampled,
  LogThrottle,
  ROOT_CONTEXT,
  SpanKind,
  startHop,
  traceparentOf,
} from "../../kit/mod.ts";
import * as counts from "../metrics.ts";
import { Circuit } from "./circuit.ts";
import { keepLetter } from "./dead_letters.ts";
import { ACK_WAIT_MS, traceparentOfDelivery } from "./event_source.ts";
import { createPoster, type Outcome } from "./post.ts";
import type { Delivery } from "./pull_reader.ts";
import { bodyOf, groupsOf, type Item } from "./requests.ts";
import { isGivenUp, retryDelay } from "./retry.ts";
import { signedHeaders } from "./sign.ts";
import { Slots } from "./slots.ts";

/** How often the server is told that an event is still at work, milliseconds. */
export const WORKING_MS = ACK_WAIT_MS / 3;

/** The delay before it is looked again whether something may be sent, milliseconds. */
const WAIT_MS = 1_000;

/** The delay before an event whose letter was not kept, milliseconds. */
const LETTER_RETRY_MS = 10_000;

/** Gone: the endpoint wants nothing any more. */
const GONE = 410;

/** Whether a stream drops what was stored at a time (milliseconds since 1970) within so many milliseconds. */
export type Drops = (storedAt: number, ms: number) => boolean;

/** What a sender needs. */
export interface SenderParts {
  bus: Bus;
  /** Whether this instance may send. */
  active: () => boolean;
  /** The endpoint answered 410: it is to be remembered that it is disabled. */
  disable: (id: string, reason: string) => Promise<void>;
}

/** See the module's doc. */
export class EventSender {
  readonly #parts: SenderParts;
  readonly #endpoint: WebhookEndpoint;
  readonly #poster;
  readonly #circuit: Circuit;
  readonly #slots: Slots;
  readonly #throttle = new LogThrottle();
  readonly #counts = { delivered: 0, failed: 0, dead: 0 };
  readonly #stop = Promise.withResolvers<void>();
  /** Who waits in {@link pause}. A race with a promise that lives as long as this would grow with each wait. */
  readonly #asleep = new Set<() => void>();
  #stopped = false;
  #lastFailure = "";
  #disabled: string | undefined;

  /** `disabled` is why nothing is to be sent. */
  constructor(parts: SenderParts, endpoint: WebhookEndpoint, disabled: string | undefined) {
    this.#parts = parts;
    this.#endpoint = endpoint;
    this.#disabled = disabled;
    this.#poster = createPoster(endpoint);
    this.#circuit = new Circuit(endpoint.retry.firstDelayMs);
    this.#slots = new Slots(endpoint.concurrency);
  }

  /** Why nothing is sent; undefined if events are. */
  get disabled(): string | undefined {
    return this.#disabled;
  }

  /** Resolves when nothing more is to be sent. */
  get stopped(): Promise<void> {
    return this.#stop.promise;
  }

  /** What it does now, but for what waits. */
  get state(): Omit<HookState, "waiting"> {
    const { id, url, events } = this.#endpoint;
    const failing = this.#circuit.open;
    return {
      id,
      url,
      events,
      state: this.#disabled !== undefined ? "disabled" : failing ? "failing" : "ok",
      reason: this.#disabled ?? (failing ? this.#lastFailure : undefined),
      ...this.#counts,
    };
  }

  /** Waits until something may be sent. Returns false if nothing is to be sent any more. */
  async ready(): Promise<boolean> {
    for (;;) {
      if (this.#stopped || this.#disabled !== undefined) return false;
      const left = this.#parts.active() ? this.#circuit.wait() : WAIT_MS;
      if (left === 0) return true;
      await Promise.race([this.#circuit.changed(), this.pause(left ?? WAIT_MS)]);
    }
  }

  /** Sends events, and settles them. `drops` says whether their stream drops an event before a next attempt. */
  async send(items: readonly Item[], drops: Drops = () => false): Promise<void> {
    if (items.length === 0) return;
    const held = new Set(items.map(({ delivery }) => delivery));
    const timer = setInterval(() => held.forEach((delivery) => delivery.working()), WORKING_MS);
    try {
      for (const group of groupsOf(items, this.#endpoint)) {
        if (!await this.#mayBegin()) return;
        try {
          await this.#request(group, drops);
        } finally {
          this.#slots.release();
        }
        for (const { delivery } of group) held.delete(delivery);
      }
    } finally {
      clearInterval(timer);
      for (const delivery of held) delivery.nak(0);
    }
  }

  /** Waits for a free slot, and until something may be sent. False: nothing is to be sent any more. */
  async #mayBegin(): Promise<boolean> {
    for (;;) {
      if (!await this.ready()) return false;
      await this.#slots.take();
      // Others may have failed meanwhile.
      if (this.#parts.active() && this.#circuit.wait() === 0 && !this.#stopped) return true;
      this.#slots.release();
    }
  }

  async #request(group: readonly Item[], drops: Drops): Promise<void> {
    const { id, body } = bodyOf(group, this.#endpoint.batch !== undefined);
    const traceparent = group.length === 1 ? traceparentOfDelivery(group[0]!.delivery) : undefined;
    const hop = startHop(
      "POST webhook",
      SpanKind.CLIENT,
      isSampled(traceparent) ? contextOf(traceparent) : ROOT_CONTEXT,
      { "hopwire.webhook.endpoint": this.#endpoint.id },
    );
    const context = isSampled(traceparent) ? traceparentOf(hop.context) : undefined;
    const probe = this.#circuit.began();
    const outcome = await this.#post(
      id,
      body,
      context === undefined ? {} : { traceparent: context },
    );
    this.#circuit.ended(outcome.ok, probe, outcome.retryAfterMs);
    hop.end(outcome.ok ? undefined : outcome.text);
    const { length } = group;
    if (outcome.ok) {
      for (const { delivery } of group) delivery.ack();
      this.#counts.delivered += length;
      counts.delivered.add(this.#endpoint.id, length);
      return;
    }
    this.#counts.failed += length;
    counts.failed.add(this.#endpoint.id, length);
    this.#lastFailure = outcome.text;
    this.warn("an endpoint did not acknowledge events", outcome.text);
    if (outcome.status === GONE) {
      this.#disabled = "it answered 410 Gone";
      for (const { delivery } of group) delivery.nak(0);
      await this.#parts.disable(this.#endpoint.id, this.#disabled).catch((error) => {
        this.warn("cannot remember that an endpoint is disabled", errorText(error));
      });
      return;
    }
    await Promise.all(group.map((item) => this.#failed(item, outcome, drops)));
  }

  async #failed(
    { event, delivery }: Item,
    { text, retryAfterMs = 0 }: Outcome,
    drops: Drops,
  ): Promise<void> {
    const { id, retry } = this.#endpoint;
    const { delivered: attempts } = delivery;
    const now = Date.now();
    const at = storedAt(delivery);
    const delay = Math.max(retryDelay(attempts, retry), retryAfterMs);
    if (!isGivenUp(attempts, now - at, retry) && !drops(at, delay)) return delivery.nak(delay);
    try {
      const reason = text.slice(0, 1_000);
      const letter = { endpoint: id, event, attempts, reason, at: now };
      await keepLetter(this.#parts.bus, letter, delivery);
      delivery.ack();
      this.#counts.dead++;
      counts.dead.add(id);
      this.warn(`gave up an event, see deno task webhooks dead`, text);
    } catch (error) {
      this.warn("cannot keep a dead letter, trying again later", errorText(error));
      delivery.nak(LETTER_RETRY_MS);
    }
  }

  /** Sends one event, once, and returns what the endpoint answered. */
  async test(event: WebhookEvent): Promise<Outcome> {
    const item = { event, json: JSON.stringify(event) };
    const { id, body } = bodyOf([item], this.#endpoint.batch !== undefined);
    return await this.#post(id, body, {});
  }

  /** Sends nothing more. Requests in progress go on until {@link close}. */
  stop(): void {
    this.#stopped = true;
    this.#stop.resolve();
    for (const wake of this.#asleep) wake();
  }

  /** Ends the requests in progress. */
  close(): void {
    this.#poster.close();
  }

  /** Logs a warning about the endpoint, once a second at most. */
  warn(message: string, error: string): void {
    const { bus: { log } } = this.#parts;
    this.#throttle.run((suppressed) =>
      log.warn(message, { endpoint: this.#endpoint.id, error, suppressed })
    );
  }

  /** Waits, but not beyond {@link stop}. */
  async pause(ms: number): Promise<void> {
    if (this.#stopped) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#asleep.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#asleep.delete(resolve);
  }

  async #post(id: string, body: string, more: Record<string, string>): Promise<Outcome> {
    const began = performance.now();
    const seconds = Math.floor(Date.now() / 1_000);
    const signed = signedHeaders({ id, seconds, body }, this.#endpoint.secrets);
    const outcome = await this.#poster.post(body, { ...signed, ...more });
    const result = outcome.ok ? "ok" : outcome.status === 0 ? "error" : String(outcome.status);
    counts.requestTook((performance.now() - began) / 1_000, this.#endpoint.id, result);
    return outcome;
  }
}

/** When a delivery's message was stored, milliseconds since 1970. */
function storedAt({ nanoseconds }: Delivery): number {
  return Number(BigInt(nanoseconds) / 1_000_000n);
}
