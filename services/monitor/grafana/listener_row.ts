/**
 * The row of the dashboard about the durable listeners of services of one's own. No I/O.
 *
 * @module
 */
import { rate, SERVICE, value } from "./expressions.ts";
import { type Row, timeSeries } from "./panels.ts";

/** Durable listeners. */
export const listenerRow: Row = {
  title: "Durable listeners",
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
      { unit: "cps", description: "Messages that left the log before a listener read them." },
      ["{{service_name}}", rate("hopwire.listener.missed", [SERVICE])],
    ),
  ],
};
