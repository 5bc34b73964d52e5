/**
 * The row of the dashboard about webhooks. No I/O.
 *
 * @module
 */
import { increase, percentile, rate, total, value } from "./expressions.ts";
import { type Row, timeSeries } from "./panels.ts";

/** Webhooks. */
export const webhookRow: Row = {
  title: "Webhooks",
  panels: [
    timeSeries(
      "Webhook events",
      { unit: "cps", description: "Delivered, sent in vain, given up, and missed, by endpoint." },
      ["{{endpoint}} delivered", rate("hopwire.webhooks.delivered", ["endpoint"])],
      ["{{endpoint}} failed", rate("hopwire.webhooks.failed", ["endpoint"])],
      ["{{endpoint}} given up", rate("hopwire.webhooks.dead", ["endpoint"])],
      ["{{endpoint}} missed", rate("hopwire.webhooks.missed", ["endpoint"])],
    ),
    timeSeries(
      "Waiting webhook events",
      { description: "Events that an endpoint has not acknowledged. It grows while one is down." },
      ["{{endpoint}}", value("hopwire.webhooks.waiting")],
    ),
    timeSeries(
      "Changes of presence for webhooks",
      { description: "Waiting to be stored; and left out in a minute, because too many waited." },
      ["waiting", total("hopwire.webhooks.presence.waiting")],
      ["left out", increase("hopwire.webhooks.presence.left_out", "1m")],
    ),
    timeSeries(
      "Webhook duration",
      { unit: "s", description: "Median and 99th percentile of requests, by endpoint." },
      [
        "{{endpoint}} median",
        percentile(0.5, "hopwire.webhooks.request.duration", ["endpoint"]),
      ],
      ["{{endpoint}} p99", percentile(0.99, "hopwire.webhooks.request.duration", ["endpoint"])],
    ),
  ],
};
