/**
 * `deno task bench-interest`: what it costs that gateways subscribe to each of their rooms, beside one
 * subscription per bucket. First for gateways that hold more and more of all rooms, then for 100 gateways and
 * 100,000 rooms. CPU is that of processes, not time that passes.
 *
 * @module
 */
import { compare, type Setting } from "./interest.ts";

/** The settings: shares of 10,000 rooms on four gateways, then the large one. */
const SETTINGS: Setting[] = [
  ...[0.01, 0.1, 0.25, 0.5, 0.75, 1].map((share) => ({
    gateways: 4,
    rooms: 10_000,
    held: share * 10_000,
    messages: 40_000,
  })),
  { gateways: 100, rooms: 100_000, held: 1_000, messages: 20_000 },
  { gateways: 100, rooms: 100_000, held: 3_000, messages: 20_000 },
];

const print = (cells: (string | number)[]) =>
  // deno-lint-ignore no-console
  console.log(
    cells.map((cell) => (typeof cell === "number" ? cell.toFixed(2) : cell).padStart(12)).join(""),
  );

print([
  ...["gateways", "rooms", "held", "interest", "subs", "B/sub", "us/sub nats", "us/sub gw"],
  ...["us/msg nats", "us/msg gws", "received", "wanted"],
]);
for (const setting of SETTINGS) {
  const results = await compare(setting);
  for (const [interest, m] of Object.entries(results)) {
    print([
      ...[setting.gateways, setting.rooms, setting.held].map(String),
      interest,
      String(m.subscriptions),
      m.serverMemory,
      m.serverSubscribe,
      m.gatewaySubscribe,
      m.server,
      m.gateways,
      String(m.received),
      String(m.wanted),
    ]);
  }
}
