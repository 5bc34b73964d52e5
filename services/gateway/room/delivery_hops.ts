/**
 * Measures what live messages took to reach the members of this gateway: from NATS to the last write. A
 * message is noted when its frame is queued. The flush that writes it tells when writing began and ended,
 * for all messages that it carries.
 *
 * @module
 */
import type { Msg } from "@nats-io/transport-node";
import { SPAN_ATTRIBUTES } from "../../contract/mod.ts";
import {
  type Attributes,
  clock,
  type Context,
  contextOf,
  type Duration,
  durations,
  exportHop,
  type HopDurations,
  type MessageTimes,
  messageTimes,
  natsAttributes,
  recordedTraceparent,
  secondsBetween,
  type SlowMessages,
  SpanKind,
  TELEMETRY_ON,
  wireTraceparent,
} from "../../kit/mod.ts";

/** How a live message arrived. Nothing is known of one that was read from the archive. */
export interface Arrival {
  readonly message: Msg;
  readonly times: MessageTimes;
  /** When this gateway read it, microseconds since 1970. */
  readonly read: number;
}

/** How a message arrived. Only the times that a gateway wrote are believed. */
export function arrivalOf(message: Msg, own: boolean): Arrival | undefined {
  if (!TELEMETRY_ON || !own) return undefined;
  return { message, times: messageTimes(message), read: clock.now() };
}

/** Where a message goes. */
export interface Destination {
  readonly room: string;
  readonly hops: HopDurations;
  /** Messages and signals count differently: see {@link DeliveryHops.note}. */
  readonly signal: boolean;
}

interface Delivery {
  arrival: Arrival;
  to: Destination;
  seq: number;
  members: number;
}

const deliveryDurations = durations("hopwire.delivery.duration");
const byNamespace = new Map<string, Duration>();

/** See the module's doc. One per gateway. */
export class DeliveryHops {
  readonly #slow: SlowMessages;
  #queued: Delivery[] = [];

  /** `slow` chooses messages that are exported although they were not sampled. */
  constructor(slow: SlowMessages) {
    this.#slow = slow;
  }

  /**
   * Notes a message that was queued for the members of a room just now. Signals are not in the histograms:
   * a room sends many times as many of them, and they may be dropped.
   */
  note(arrival: Arrival, to: Destination, seq: number, members: number): void {
    if (!TELEMETRY_ON || members === 0) return;
    if (to.signal && recordedTraceparent(arrival.message) === undefined) return;
    this.#queued.push({ arrival, to, seq, members });
  }

  /** What was queued has been written. `began` and `ended` are microseconds since 1970. */
  written(began: number, ended: number): void {
    const queued = this.#queued;
    if (queued.length === 0) return;
    this.#queued = [];
    for (const delivery of queued) this.#finish(delivery, began, ended);
  }

  #finish(delivery: Delivery, began: number, ended: number): void {
    const { arrival: { message, times, read }, to: { hops, signal } } = delivery;
    if (!signal) {
      const from = times.stored || times.handed;
      if (from > 0) hops.record("bus.deliver", secondsBetween(from, read));
      hops.record("edge.queue", secondsBetween(read, began));
      hops.record("edge.fanout", secondsBetween(began, ended));
      if (times.received > 0) {
        const { namespace } = hops;
        let duration = byNamespace.get(namespace);
        if (duration === undefined) {
          byNamespace.set(namespace, duration = deliveryDurations.of({ namespace }));
        }
        duration.record(secondsBetween(times.received, ended));
      }
    }
    const recorded = recordedTraceparent(message);
    if (recorded !== undefined) exportDelivery(contextOf(recorded), delivery, began, ended);
    if (times.received === 0 || !this.#slow.isSlow(ended - times.received)) return;
    if (!this.#slow.admit()) return;
    const context = this.#slow.take(wireTraceparent(message));
    if (context !== null) exportSlow(context, delivery, began, ended);
  }
}

function attributesOf({ to, seq }: Delivery): Attributes {
  return {
    [SPAN_ATTRIBUTES.room]: to.room,
    [SPAN_ATTRIBUTES.namespace]: to.hops.namespace,
    ...seq > 0 ? { [SPAN_ATTRIBUTES.seq]: seq } : {},
  };
}

/** Exports the hops of this gateway. */
function exportDelivery(
  parent: Context,
  delivery: Delivery,
  began: number,
  ended: number,
  extra: Attributes = {},
): void {
  const { arrival: { message, times, read }, members, seq } = delivery;
  const attributes = { ...attributesOf(delivery), ...extra };
  let context = parent;
  const from = times.stored || times.handed;
  if (from > 0) {
    // Known to have been stored, but not when.
    const includesStore = seq > 0 && times.stored === 0;
    context = exportHop(context, {
      hop: "bus.deliver",
      kind: SpanKind.CONSUMER,
      from: Math.min(from, read),
      to: read,
      attributes: {
        ...natsAttributes("process", message.subject),
        ...attributes,
        ...includesStore ? { [SPAN_ATTRIBUTES.includesStore]: true } : {},
      },
    });
  }
  context = exportHop(context, { hop: "edge.queue", from: read, to: began, attributes });
  exportHop(context, {
    hop: "edge.fanout",
    from: began,
    to: ended,
    attributes: { ...attributes, [SPAN_ATTRIBUTES.members]: members },
  });
}

/** Exports the whole path of a message that was slow: what was not recorded, its times tell. */
function exportSlow(parent: Context, delivery: Delivery, began: number, ended: number): void {
  const { times: { received, handed, stored } } = delivery.arrival;
  const slow = { [SPAN_ATTRIBUTES.slow]: true };
  const attributes = {
    ...attributesOf(delivery),
    ...slow,
    [SPAN_ATTRIBUTES.reconstructed]: true,
  };
  let context = exportHop(parent, {
    hop: "edge.receive",
    kind: SpanKind.SERVER,
    from: received,
    to: handed,
    attributes,
  });
  if (stored > 0) {
    context = exportHop(context, {
      hop: "bus.store",
      kind: SpanKind.PRODUCER,
      from: handed,
      to: stored,
      attributes,
    });
  }
  exportDelivery(context, delivery, began, ended, slow);
}
