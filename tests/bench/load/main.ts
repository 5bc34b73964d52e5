/**
 * A load process: joins clients at a fixed rate and holds them. A process may have too few file
 * descriptors for all clients of a scenario, so several of these share them.
 *
 * It prints `ready`, waits for the line `go`, prints a report, holds its clients until the line
 * `close`, closes them and prints `closed`.
 *
 * @module
 */
import { clock } from "../clock.ts";
import { Joiners } from "../joiners.ts";
import { Swarm } from "../swarm.ts";
import { ticketsFor } from "../target.ts";
import { wireNamed } from "../wires/by_name.ts";
import type { LoadOrder, LoadReport } from "./messages.ts";

const order: LoadOrder = JSON.parse(Deno.args[0]!);
const wire = wireNamed(order.wire);
const tickets = await ticketsFor(wire, "open", order.clients, order.first);
const swarm = new Swarm(wire);
const joiners = new Joiners(
  swarm,
  { ports: order.ports, wire },
  tickets.map((ticket, index) => ({
    ticket,
    room: `bench.room-${(order.first + index) % order.rooms}`,
  })),
);
joiners.sources = order.sources;

const heard = new Set<string>();
(async () => {
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    for (const line of text.split("\n")) heard.add(line);
  }
  // The bench has ended.
  Deno.exit(0);
})();

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);
const HOUR_MS = 3_600_000;
say("ready");
await swarm.run("waiting", () => heard.has("go"), HOUR_MS);
const began = clock();
const interval = 1_000_000 / order.rate;
let started = 0;
let late = 0;
const report: LoadReport = { joinedAt: [], took: [], refused: joiners.refused, late: 0 };
joiners.onJoined = ({ due }) => {
  const now = clock();
  report.joinedAt.push(Math.round((now - began) / 1_000));
  report.took.push(Math.round((now - due) / 1_000));
};
const work = () => {
  joiners.work();
  const now = clock();
  for (let burst = 0; burst < 64 && started < order.clients; burst++) {
    const due = began + started * interval;
    if (due > now) break;
    late = Math.max(late, now - due);
    joiners.join(joiners.joiners[started++]!, due);
  }
  return 1;
};
const end = began + order.limit * 1_000_000;
const done = () => joiners.joined === order.clients || clock() > end || heard.has("close");
await swarm.run("joining", done, order.limit * 1_000 + 60_000, work);
report.late = Math.round(late / 1_000);
say(JSON.stringify(report));
await swarm.run("holding", () => heard.has("close"), HOUR_MS, () => {
  joiners.work();
  return 5;
});
swarm[Symbol.dispose]();
say("closed");
Deno.exit(0);
