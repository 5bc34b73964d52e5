/**
 * `deno task durability [--rounds N]`: measures how many acked messages a kill -9 of nats-server
 * loses, and what syncing each message to disk costs. The second part needs nats-server 2.10 or
 * newer (set NATS_SERVER to one); older versions lack the setting.
 *
 * @module
 */
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { parseArgs } from "node:util";
import {
  connectBus,
  createHeaders,
  createLogger,
  StreamPublisher,
} from "../../services/kit/mod.ts";
import { type NatsServer, startNats } from "../harness/nats.ts";
import { until } from "../harness/wait.ts";

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

/** Most publishes that await their ack. */
const IN_FLIGHT = 512;

/** The size of each message, bytes. */
const BYTES = 200;

/** How long each rate is measured, milliseconds. */
const MEASURE_MS = 5_000;

const log = createLogger("durability", { write: () => {} });
const payload = "x".repeat(BYTES);

/** Creates the stream on a server. */
async function makeStream({ url }: NatsServer): Promise<void> {
  const nats = await connect({ servers: url.replace("nats://", "") });
  await (await jetstreamManager(nats)).streams.add({ name: "D", subjects: ["d.>"] });
  await nats.close();
}

/** Publishes as fast as acks arrive, for `time` milliseconds. Returns the acked seqs. */
async function publishFor(server: NatsServer, time: number): Promise<Set<number>> {
  const bus = await connectBus({ url: server.url, name: "durability", log });
  const publisher = new StreamPublisher(bus);
  const acked = new Set<number>();
  let running = true;
  const next = () => {
    if (!running) return;
    publisher.publish("d.a", payload, createHeaders(), (stored, failure) => {
      if (stored !== null) acked.add(stored.seq);
      // Without NATS every publish fails at once, so stop.
      if (failure === null) next();
    });
  };
  for (let i = 0; i < IN_FLIGHT; i++) next();
  await new Promise((resolve) => setTimeout(resolve, time));
  running = false;
  await publisher.settled(2_000);
  publisher.close();
  await bus.drain();
  return acked;
}

/**
 * Crashes nats-server once. Returns how many messages were acked, and how many of those the log
 * lost.
 */
async function crash(): Promise<{ acked: number; lost: number }> {
  await using server = await startNats();
  await makeStream(server);
  const killing = new Promise<void>((resolve) =>
    setTimeout(() => void server.kill().then(resolve), 500 + Math.random() * 1_000)
  );
  const acked = await publishFor(server, 2_000);
  await killing;
  await server.restart();
  const nats = await connect({ servers: server.url.replace("nats://", "") });
  const { state } = await until(
    "the stream",
    async () => await (await jetstreamManager(nats)).streams.info("D"),
  );
  await nats.close();
  const lost = [...acked].filter((seq) => seq > state.last_seq).length;
  return { acked: acked.size, lost };
}

/**
 * Measures messages per second with a configuration. Returns null if the server does not support
 * it.
 */
async function rate(config: string): Promise<number | null> {
  const server = await startNats({ jetstream: config }).catch(() => null);
  if (server === null) return null;
  await makeStream(server);
  const acked = await publishFor(server, MEASURE_MS);
  await server[Symbol.asyncDispose]();
  return Math.round(acked.size / (MEASURE_MS / 1_000));
}

const { values } = parseArgs({ options: { rounds: { type: "string", default: "20" } } });
const rounds = Number(values.rounds);
let [acked, lost] = [0, 0];
for (let round = 1; round <= rounds; round++) {
  const result = await crash();
  acked += result.acked;
  lost += result.lost;
}
say(`kill -9 of nats-server, ${rounds} times: ${acked} messages acked, ${lost} of them lost`);
for (let pair = 1; pair <= 3; pair++) {
  const usual = await rate("");
  const always = await rate("sync_interval: always");
  say(
    always === null
      ? `${usual} messages/s; this nats-server has no sync_interval`
      : `${usual} messages/s by default, ${always} with sync_interval: always`,
  );
}
Deno.exit(0);
