/**
 * How the hops are laid out: the way of a message from its sender to its members, what happens inside
 * nats-server and on the way to the archive, and requests. And why a hop has no values. No DOM.
 *
 * @module
 */
import type { HopName } from "../../../contract/telemetry/hops.ts";
import type { HopSummary, Overview } from "../../../contract/telemetry/monitor_api.ts";

/** Some hops that follow each other. */
export interface Lane {
  id: "main" | "inside" | "archive" | "requests";
  title: string;
  hops: readonly HopName[];
}

/** Every hop, in lanes. */
export const LANES: readonly Lane[] = [
  {
    id: "main",
    title: "From the sender to the members",
    hops: [
      "client.send",
      "edge.receive",
      "bus.store",
      "bus.deliver",
      "edge.queue",
      "edge.fanout",
      "client.receive",
    ],
  },
  {
    id: "inside",
    title: "Inside nats-server",
    hops: ["nats.ingress", "nats.store", "nats.route"],
  },
  { id: "archive", title: "To the archive", hops: ["archive.wait", "archive.store"] },
  { id: "requests", title: "Requests", hops: ["auth.verify", "rooms.join", "screen", "call"] },
];

/** Returns why nothing is known of what happens inside nats-server; empty if something is. */
export function insideNote({ nats }: Overview): string {
  return nats.traces ? "" : nats.tracesMissing ?? "nats-server does not report its own hops";
}

/** Returns why a hop has no values; undefined if it has some. Empty if its lane says why. */
export function absence(summary: HopSummary | undefined, overview: Overview): string | undefined {
  if (summary !== undefined && summary.count > 0) return undefined;
  const hop = summary?.hop ?? "";
  if (hop.startsWith("nats.") && !overview.nats.traces) return "";
  if (hop === "nats.route") return "only in a cluster of NATS servers";
  if (hop.startsWith("client.")) return "no client reports it";
  return "nothing measured yet";
}
