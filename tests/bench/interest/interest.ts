/**
 * What interest costs: many gateways, each a connection to a real nats-server, hold some of many rooms.
 * They subscribe to each of their rooms, or to every bucket and drop what they do not hold.
 *
 * @module
 */
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { liveSubject } from "../../../services/contract/mod.ts";
import { startNats } from "../../harness/nats.ts";
import { cpuOf, rssOf } from "../processes.ts";

/** How gateways say what they are interested in. `none` is the baseline: they say nothing. */
export type Interest = "none" | "rooms" | "buckets";

/** One measurement's setting. */
export interface Setting {
  gateways: number;
  rooms: number;
  /** Rooms that each gateway holds. */
  held: number;
  messages: number;
}

/** What was measured. */
export interface Measured {
  subscriptions: number;
  /** CPU of nats-server and of all gateways for a subscription, microseconds. */
  serverSubscribe: number;
  gatewaySubscribe: number;
  /** Memory of nats-server for a subscription, bytes. */
  serverMemory: number;
  /** CPU for a published message, microseconds: the server's, and that of all gateways together. */
  server: number;
  gateways: number;
  /** Messages that gateways received, and those of rooms that they hold. */
  received: number;
  wanted: number;
}

/** The payload of a message, bytes. */
const BYTES = 160;
/** Messages between two flushes, so that no connection of the bench falls behind. */
const BURST = 500;
const BUCKETS = 64;

/** The CPU time of this process so far, microseconds. */
const used = () => cpuOf(Deno.pid);

/** Measures one kind of interest. */
export async function measure(interest: Interest, setting: Setting): Promise<Measured> {
  const { gateways, rooms, held, messages } = setting;
  await using nats = await startNats();
  const server = nats.process.pid;
  const connections: NatsConnection[] = [];
  try {
    for (let g = 0; g < gateways; g++) connections.push(await connect({ servers: nats.url }));
    const publisher = await connect({ servers: nats.url });
    connections.push(publisher);
    const flush = () => Promise.all(connections.map((connection) => connection.flush()));
    await flush();
    const name = (room: number) => `bench.${room}`;
    let [received, wanted, subscriptions] = [0, 0, 0];
    const before = [cpuOf(server), used(), rssOf(server)] as const;
    for (let g = 0; g < gateways; g++) {
      const mine = new Set<string>();
      // Each gateway's rooms are spread over all, as balancers spread clients.
      for (let k = 0; k < held; k++) {
        mine.add(liveSubject(name(Math.floor((k + g / gateways) * rooms / held) % rooms)));
      }
      const callback = (_: unknown, { subject }: { subject: string }) => {
        received++;
        if (mine.has(subject)) wanted++;
      };
      const subjects = interest === "none"
        ? []
        : interest === "rooms"
        ? [...mine]
        : Array.from({ length: BUCKETS }, (_, bucket) => `room.live.${bucket}.>`);
      for (const subject of subjects) connections[g]!.subscribe(subject, { callback });
      subscriptions += subjects.length;
    }
    await flush();
    const subscribed = [cpuOf(server), used(), rssOf(server)] as const;
    const payload = new Uint8Array(BYTES);
    const room = shuffledRooms(rooms);
    for (let i = 0; i < messages; i++) {
      publisher.publish(liveSubject(name(room(i))), payload);
      if (i % BURST === BURST - 1) await flush();
    }
    await flush();
    const published = [cpuOf(server), used()] as const;
    const per = (after: number, at: number, count: number) => (after - at) / Math.max(1, count);
    return {
      subscriptions,
      serverSubscribe: per(subscribed[0], before[0], subscriptions),
      gatewaySubscribe: per(subscribed[1], before[1], subscriptions),
      serverMemory: per(subscribed[2], before[2], subscriptions),
      server: per(published[0], subscribed[0], messages),
      gateways: per(published[1], subscribed[1], messages),
      received,
      wanted,
    };
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

/** Returns a walk through all rooms that looks random and is the same in each run. */
function shuffledRooms(rooms: number): (index: number) => number {
  // A prime that does not divide the number of rooms visits each of them once.
  const step = 7_919;
  return (index) => (index * step) % rooms;
}

/** Measures all kinds. The baseline's CPU is taken from the gateways', which publish in the same process. */
export async function compare(
  setting: Setting,
): Promise<Record<"rooms" | "buckets", Measured>> {
  const none = await measure("none", setting);
  const less = (one: Measured): Measured => ({
    ...one,
    server: one.server - none.server,
    gateways: one.gateways - none.gateways,
  });
  return {
    rooms: less(await measure("rooms", setting)),
    buckets: less(await measure("buckets", setting)),
  };
}
