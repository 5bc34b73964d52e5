/**
 * What a request to an endpoint carries: one event, or a batch. No I/O.
 *
 * @module
 */
import { createHash } from "node:crypto";
import {
  MAX_WEBHOOK_BATCH_BYTES,
  type WebhookBatch,
  type WebhookEndpoint,
  type WebhookEvent,
} from "../../contract/mod.ts";
import type { Delivery } from "./pull_reader.ts";

/** From this attempt on an event is sent alone, so that others do not share its fate. */
const ALONE_FROM = 3;

/** An event, and the message that it comes from. */
export interface Item {
  event: WebhookEvent;
  delivery: Delivery;
  /** The event as JSON. */
  json: string;
}

/** Splits events into those of one request each, in their order. */
export function groupsOf(items: readonly Item[], { batch }: WebhookEndpoint): Item[][] {
  const groups: Item[][] = [];
  let bytes = 0;
  for (const item of items) {
    const last = groups.at(-1);
    const fits = last !== undefined && last.length < (batch?.maxEvents ?? 1) &&
      bytes + item.json.length <= MAX_WEBHOOK_BATCH_BYTES &&
      item.delivery.delivered < ALONE_FROM && last.at(-1)!.delivery.delivered < ALONE_FROM;
    if (fits) {
      last.push(item);
      bytes += item.json.length;
    } else {
      groups.push([item]);
      bytes = item.json.length;
    }
  }
  return groups;
}

/**
 * Returns the id and the body of a request. The same events give the same id.
 *
 * @example
 * ```ts
 * import { bodyOf } from "./requests.ts";
 * import assert from "node:assert/strict";
 * const event = {
 *   id: "evt_1",
 *   type: "room.vacated" as const,
 *   timestamp: "1970-01-01T00:00:00.000Z",
 *   data: { room: "a" },
 * };
 * const item = { event, json: JSON.stringify(event) };
 * assert.deepEqual(bodyOf([item], false, 0), { id: "evt_1", body: item.json });
 * assert.equal(JSON.parse(bodyOf([item], true, 0).body).data.events.length, 1);
 * ```
 */
export function bodyOf(
  group: readonly Pick<Item, "event" | "json">[],
  batched: boolean,
  now: number = Date.now(),
): { id: string; body: string } {
  const [first] = group;
  if (!batched) return { id: first!.event.id, body: first!.json };
  const ids = group.map(({ event }) => event.id).join(" ");
  const hash = createHash("sha256").update(ids).digest("hex").slice(0, 32);
  const head: Omit<WebhookBatch, "data"> = {
    type: "batch",
    timestamp: new Date(now).toISOString(),
  };
  const events = group.map(({ json }) => json).join(",");
  return {
    id: `batch_${hash}`,
    body: `${JSON.stringify(head).slice(0, -1)},"data":{"events":[${events}]}}`,
  };
}
