/**
 * The row of the dashboard about the listeners of services of one's own. No I/O.
 *
 * @module
 */
import { rate, SERVICE, value } from "./expressions.ts";
import { type Row, timeSeries } from "./panels.ts";

/** Listeners. */
export const listenerRow: Row = {
  title: "Listeners",
  panels: [
    timeSeries(
      "Waiting messages",
      { description: "Messages that a durable listener has not acknowledged, by stream." },
      ["{{service_name}} {{stream}}", value("hopwire.listener.waiting")],
    ),
    timeSeries(
      "Listener delay",
      {
        unit: "s",
        description: "How old the messages are that a listener reads while others wait.",
      },
      ["{{service_name}} {{stream}}", value("hopwire.listener.delay")],
    ),
    timeSeries(
      "Missed messages",
      {
        unit: "cps",
        description:
          "What left the log before a durable listener read it, and what live ones dropped.",
      },
      ["{{service_name}}", rate("hopwire.listener.missed", [SERVICE])],
      [
        "{{service_name}} {{pattern}} dropped",
        rate("hopwire.listener.dropped", [SERVICE, "pattern"]),
      ],
    ),
  ],
};
