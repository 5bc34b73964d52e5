/**
 * `deno task bench-regions`: what clients of two regions feel, with 80 ms between these: acks, deliveries
 * and joins near and far, and how long it takes until all is well after the link was cut. The home region
 * is near the streams. Prints medians and 95th percentiles for leaf nodes and for gateways of NATS.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { TestClient } from "../harness/client.ts";
import { type Joined, startRegions } from "../harness/regions.ts";
import { until } from "../harness/wait.ts";

const { values } = parseArgs({
  options: {
    /** How long bytes are under way in each direction, milliseconds. */
    delay: { type: "string", default: "40" },
    messages: { type: "string", default: "100" },
    joins: { type: "string", default: "30" },
    cuts: { type: "string", default: "3" },
  },
});
const DELAY_MS = Number(values.delay);
const MESSAGES = Number(values.messages);
const JOINS = Number(values.joins);
const CUTS = Number(values.cuts);

// deno-lint-ignore no-console
const print = (line: string) => console.log(line);

/** Milliseconds, by what was measured. */
type Measured = Map<string, number[]>;

function note(measured: Measured, what: string, began: number): void {
  const list = measured.get(what) ?? [];
  list.push(performance.now() - began);
  measured.set(what, list);
}

async function join(client: TestClient, room: string): Promise<void> {
  client.send({ type: "subscribe", room });
  await client.take("subscribed", (frame) => frame.room === room);
}

async function measure(joined: Joined): Promise<Measured> {
  const measured: Measured = new Map();
  await using regions = await startRegions({ joined, delay: DELAY_MS });
  const { eu, us } = regions;
  const sides = [
    { name: "home", talker: await eu.client("ann"), listener: await eu.client("eve") },
    { name: "edge", talker: await us.client("bob"), listener: await us.client("cat") },
  ];
  for (const { talker, listener } of sides) {
    for (const client of [talker, listener]) await join(client, "lobby");
  }
  let number = 0;
  for (let i = 0; i < MESSAGES; i++) {
    for (const from of sides) {
      const id = `m${number++}`;
      const began = performance.now();
      from.talker.send({ type: "message", room: "lobby", id, content: "x".repeat(160) });
      await Promise.all([
        from.talker.take("ack", (frame) => frame.id === id)
          .then(() => note(measured, `ack, ${from.name}`, began)),
        ...sides.map((to) =>
          to.listener.take("room-message", (frame) => frame.id === id)
            .then(() => note(measured, `delivery, ${from.name} to ${to.name}`, began))
        ),
      ]);
    }
  }
  // Each room is new to the gateway.
  for (let i = 0; i < JOINS; i++) {
    for (const { name, talker } of sides) {
      const began = performance.now();
      await join(talker, `room-${name}-${i}`);
      note(measured, `join of a room new to the gateway, ${name}`, began);
    }
  }
  for (let i = 0; i < JOINS; i++) {
    for (const { name, talker } of sides) {
      const id = `h${number++}`;
      const began = performance.now();
      talker.send({ type: "history", room: "lobby", id });
      await talker.take("history", (frame) => frame.id === id);
      note(measured, `page of history, ${name}`, began);
    }
  }
  const [home, edge] = [sides[0]!.talker, sides[1]!.talker];
  for (let i = 0; i < CUTS; i++) {
    const apart = [home.frames.length, edge.frames.length] as const;
    regions.separate("cut");
    await Promise.all(
      [home, edge].map((client, side) =>
        until(
          "the others to leave",
          () => client.frames.slice(apart[side]).some(({ type }) => type === "user-left"),
          60_000,
        )
      ),
    );
    const healed = [home.frames.length, edge.frames.length] as const;
    const began = performance.now();
    regions.heal();
    await Promise.all([
      until("an ack", async () => {
        const id = `m${number++}`;
        edge.send({ type: "message", room: "lobby", id, content: "" });
        return (await edge.answer(id)).type === "ack";
      }).then(() => note(measured, "after a cut: first ack, edge", began)),
      ...[home, edge].map((client, side) =>
        until(
          "the others to come",
          () =>
            client.frames.slice(healed[side]).filter(({ type }) => type === "user-joined").length >=
              2,
        )
          .then(() => note(measured, `after a cut: the roster, ${sides[side]!.name}`, began))
      ),
    ]);
  }
  return measured;
}

const at = (list: readonly number[], share: number) =>
  list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))]!;

const results = {
  "leaf nodes": await measure("leaf nodes"),
  gateways: await measure("gateways"),
};
print(`median and 95th percentile in ms, ${2 * DELAY_MS} ms there and back`);
for (const what of results["leaf nodes"].keys()) {
  const cells = Object.entries(results).map(([joined, measured]) => {
    const list = measured.get(what)!;
    return `${joined} ${Math.round(at(list, 0.5))} / ${Math.round(at(list, 0.95))}`;
  });
  print(`${what.padEnd(45)} ${cells.join("   ")}`);
}
Deno.exit(0);
