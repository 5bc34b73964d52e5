/**
 * `deno task durability [--rounds N]`: what kill -9 of nats-server loses of what it has acked, and
 * what syncing each message to the disk costs. The second needs a nats-server of 2.10 or newer
 * (NATS_SERVER names one); an older one has no such setting.
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

/** Publishes under way at a time, and the size of each message, bytes. */
const IN_FLIGHT = 512;
const BYTES = 200;

/** How long each rate is measured, milliseconds. */
const MEASURE_MS = 5_000;

const log = createLogger("durability", { write: () => {} });
const payload = "x".repeat(BYTES);

/** Makes the stream on a server. */
async function makeStream({ url }: NatsServer): Promise<void> {
  const nats = await connect({ servers: url.replace("nats://", "") });
  await (await jetstreamManager(nats)).streams.add({ name: "D", subjects: ["d.>"] });
  await nats.close();
}

/** Publishes as fast as acks come until `time` is over; gives the seqs that were acked. */
async function publishFor(server: NatsServer, time: number): Promise<Set<number>> {
  const bus = await connectBus({ url: server.url, name: "durability", log });
  const publisher = new StreamPublisher(bus);
  const acked = new Set<number>();
  let going = true;
  const next = () => {
    if (!going) return;
    publisher.publish("d.a", payload, createHeaders(), (stored, failure) => {
      if (stored !== null) acked.add(stored.seq);
      // Without NATS each publish fails at once: nothing more to learn.
      if (failure === null) next();
    });
  };
  for (let i = 0; i < IN_FLIGHT; i++) next();
  await new Promise((resolve) => setTimeout(resolve, time));
  going = false;
  await publisher.idle(2_000);
  publisher.close();
  await bus.drain();
  return acked;
}

/** One crash: how many were acked, and how many of them the log no longer has. */
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

/** Messages a second with a configuration; null where the server does not know it. */
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
