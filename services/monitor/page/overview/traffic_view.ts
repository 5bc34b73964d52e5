/**
 * Connections, and the rates of messages, bytes, joins and errors, as charts.
 *
 * @module
 */
import type { Overview } from "../../../contract/telemetry/monitor_api.ts";
import { byId } from "../../../kit/page/dom.ts";
import { bytesText, countText, rateText } from "../format.ts";
import { createChart } from "./chart.ts";
import { showFigures } from "./figures.ts";

const TRANSPORTS: Record<string, string> = { websocket: "WebSocket", sse: "SSE", poll: "polling" };

/** Draws the charts once. Returns what shows new values, and what repaints for another theme. */
export function createTraffic(): { show: (overview: Overview) => void; repaint: () => void } {
  const connections = createChart("Connections", countText);
  const messages = createChart("Messages per second", rateText);
  const bytes = createChart("Bytes per second", bytesText);
  const joins = createChart("Joins and errors per second", rateText);
  const charts = [connections, messages, bytes, joins];
  byId("charts").replaceChildren(...charts.map(({ node }) => node));
  return {
    repaint: () => charts.forEach((chart) => chart.repaint()),
    show(overview) {
      const { at, step } = overview;
      const line = (name: string, color: string, series: Overview["joins"]) => ({
        ...series,
        name,
        color,
      });
      const { peak, average, byTransport } = overview.connections;
      const transports = Object.entries(byTransport).filter(([, count]) => count > 0)
        .map(([name, count]) => `${TRANSPORTS[name] ?? name} ${countText(count)}`);
      connections.show(
        [line("now", "--gateway", overview.connections)],
        at,
        step,
        [`peak ${countText(peak)}`, `average ${rateText(average)}`, ...transports].join(" · "),
      );
      const { messagesIn, messagesOut, bytesIn, bytesOut } = overview;
      const fanOut = messagesIn.now > 0 ? messagesOut.now / messagesIn.now : null;
      messages.show(
        [line("in", "--client", messagesIn), line("out", "--gateway", messagesOut)],
        at,
        step,
        fanOut === null ? "nobody speaks" : `${rateText(fanOut)} deliveries for each message`,
      );
      bytes.show(
        [line("in", "--client", bytesIn), line("out", "--gateway", bytesOut)],
        at,
        step,
        `${bytesText(overview.waitingBytes)} wait for clients`,
      );
      joins.show(
        [line("joins", "--rooms", overview.joins), line("errors", "--bad", overview.errors)],
        at,
        step,
        `slow consumers closed: ${countText(overview.slowConsumers)}`,
      );
      showFigures(byId("totals"), [
        ["connections", countText(overview.connections.now)],
        ["users", countText(overview.users)],
        ["rooms", countText(overview.rooms)],
      ]);
    },
  };
}
