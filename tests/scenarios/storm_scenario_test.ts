/** A crowd that connects, joins and vanishes at once leaves a system that works. */
import assert from "node:assert/strict";
import type { Connection } from "../bench/connection.ts";
import { Swarm } from "../bench/swarm.ts";
import { ticketsFor } from "../bench/target.ts";
import { HOPWIRE_WIRE } from "../bench/wires/hopwire_wire.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { readMembers } from "../torture/judge.ts";

const CLIENTS = 2_000;
const ROOMS = 400;

Deno.test("2,000 clients join at once and vanish at once, and a newcomer finds the system as before", async () => {
  await using system = await startSystem({ gateways: 2 });
  const tickets = await ticketsFor(HOPWIRE_WIRE, "crowd", CLIENTS);
  {
    using swarm = new Swarm(HOPWIRE_WIRE);
    const joined = new Set<Connection>();
    const waiting: { connection: Connection; at: number }[] = [];
    const roomOf = ({ index }: Connection) => `crowd.${index % ROOMS}`;
    const subscribe = (connection: Connection) =>
      swarm.send(connection, JSON.stringify({ type: "subscribe", room: roomOf(connection) }));
    swarm.onText = (connection, text) => {
      if (text.startsWith('{"type":"authenticated"')) subscribe(connection);
      else if (text.startsWith('{"type":"subscribed"')) joined.add(connection);
      else if (text.startsWith('{"type":"error"')) {
        // As a client does: it comes again when it is told to.
        const { retryAfter = 1_000 } = JSON.parse(text);
        waiting.push({ connection, at: performance.now() + retryAfter });
      }
    };
    const crowd = tickets.map((ticket, i) => swarm.open(system.gateways[i % 2]!.port, ticket));
    await swarm.run("the crowd to join", () => joined.size === CLIENTS, 60_000, () => {
      const now = performance.now();
      for (const due of waiting.filter(({ at }) => at <= now)) {
        waiting.splice(waiting.indexOf(due), 1);
        subscribe(due.connection);
      }
      return 2;
    });
    assert.ok(crowd.every(({ state }) => state === "open"), "a connection was closed");
    const expected = Array.from({ length: 5 }, (_, i) => `crowd-${i * ROOMS}`).sort();
    await until("the roster", async () => {
      assert.deepEqual(await readMembers(system, "crowd.0"), expected);
      return true;
    });
  }
  const newcomer = await system.client({ user: "newcomer" });
  newcomer.send({ type: "subscribe", room: "crowd.0" });
  await newcomer.take("subscribed");
  await until(
    "the crowd to be gone",
    async () =>
      (await readMembers(system, "crowd.0")).join() === "newcomer" &&
      (await readMembers(system, "crowd.1")).length === 0,
  );
});
