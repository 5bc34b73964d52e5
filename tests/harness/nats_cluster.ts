/**
 * A cluster of real nats-servers with JetStream: each has its own folder, and its routes to the others go
 * through links that a test can cut. Servers can be killed, suspended, restarted and given an empty disk.
 *
 * @module
 */
import { jetstreamManager, type StreamInfo } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { isFromLeader } from "../../services/kit/stream_leader.ts";
import { findNatsServer } from "../../services/start/nats_server.ts";
import { type Link, startLink } from "./link.ts";
import { copyFolder, type NatsServer } from "./nats.ts";
import { freePort } from "./ports.ts";
import { type ChildProcess, startProcess } from "./process.ts";
import { until } from "./wait.ts";

/** How long a cluster may take until every stream has a leader and current replicas, milliseconds. */
const SETTLE_MS = 120_000;

/**
 * How long replicas may lack something before an operator would help, milliseconds. After an emptied disk a
 * leader sometimes sends a follower neither what it lacks nor what is stored from then on: on 2.9.10 the next
 * leader does. On 2.15.1, once and on a busy machine, five leaders in a row did not, so the next help is a restart
 * of the follower.
 */
const STUCK_MS = 20_000;

/** How long one answer of JetStream may take, milliseconds. */
const TIMEOUT_MS = 2_000;

/** One server of a cluster. */
export interface ClusterServer extends NatsServer {
  /** Its name in the cluster, `n1` and so on. */
  readonly name: string;
  /** Whether its process has been started and not killed. */
  readonly running: boolean;
  /** Starts it again after {@link NatsServer.kill}, without waiting until it is ready. */
  start(options?: { newDisk?: boolean }): void;
  /** Waits until it accepts connections. */
  ready(): Promise<void>;
}

/** A cluster under test. */
export interface NatsCluster extends AsyncDisposable {
  readonly servers: readonly ClusterServer[];
  /** The URLs of all servers, separated by commas. */
  readonly url: string;
  /** Separates a server from the others: its routes fall silent, or are closed. Clients still reach it. */
  isolate(server: ClusterServer, how: "silence" | "cut"): void;
  /** Separates two servers from each other. */
  separate(one: ClusterServer, other: ClusterServer, how: "silence" | "cut"): void;
  /** Lets all servers reach each other again. */
  heal(): void;
  /** What the leader of a stream says about it; null while there is none. */
  info(stream: string): Promise<StreamInfo | null>;
  /** The server that leads a stream. Waits for one. */
  leaderOf(stream: string): Promise<ClusterServer>;
  /** A server with a replica of a stream that does not lead it. Waits for one. */
  followerOf(stream: string): Promise<ClusterServer>;
  /** Makes the leader of a stream give up, so that the replicas elect another one. */
  stepDown(stream: string): Promise<void>;
  /**
   * Waits until these streams have a leader, and replicas that lack nothing. The leader of a stream whose
   * replicas do not get there must step down.
   */
  settled(streams: readonly string[]): Promise<void>;
}

/** Options of {@link startNatsCluster}. */
export interface ClusterOptions {
  /** 3 by default. */
  size?: number;
  /** Appended to the configuration of each server; the same users everywhere. */
  config?: string;
  /** Appended to the JetStream block of each server. */
  jetstream?: string;
  /** The tags of each server, for placement. */
  tags?: (index: number) => string[];
  /** The binary. By default that of NATS_SERVER, else the installed one. */
  binary?: string;
}

/** Starts a cluster, and waits until it has elected a leader. */
export async function startNatsCluster(options: ClusterOptions = {}): Promise<NatsCluster> {
  const { size = 3, config = "", tags = () => [] } = options;
  const binary = options.binary ?? await findNatsServer();
  const folder = await Deno.makeTempDir({ prefix: "hopwire-cluster-" });
  const routePorts = Array.from({ length: size }, () => freePort());
  const ports = Array.from({ length: size }, () => freePort());
  /** `links[i][j]` is the route that server i dials to server j. */
  const links: (Link | null)[][] = [];
  for (let i = 0; i < size; i++) {
    links.push(await Promise.all(routePorts.map((to, j) => i === j ? null : startLink(to))));
  }
  const servers = await Promise.all(ports.map(async (port, i) => {
    const home = `${folder}/n${i + 1}`;
    await Deno.mkdir(home);
    const routes = links[i]!.flatMap((link) => link ? [`nats://127.0.0.1:${link.port}`] : []);
    await Deno.writeTextFile(
      `${home}/nats.conf`,
      [
        `server_name: n${i + 1}`,
        `server_tags: ${JSON.stringify(tags(i))}`,
        `listen: 127.0.0.1:${port}`,
        `jetstream { store_dir: "${home}/data", max_file_store: 10GB, max_memory_store: 100MB\n${
          options.jetstream ?? ""
        } }`,
        "cluster {",
        "  name: hopwire",
        `  listen: 127.0.0.1:${routePorts[i]}`,
        // What servers tell each other about routes would lead around the links, so it leads nowhere. And
        // clients do not hear of servers that they were not given.
        '  advertise: "127.0.0.1:1"',
        "  no_advertise: true",
        `  routes: ${JSON.stringify(routes)}`,
        "}",
        config,
      ].join("\n"),
    );
    return clusterServer(binary, home, port, `n${i + 1}`);
  }));
  const indexOf = (server: ClusterServer) => servers.indexOf(server);
  const separate = (i: number, j: number, how: "silence" | "cut") => {
    links[i]![j]?.[how]();
    links[j]![i]?.[how]();
  };
  const heal = () => links.forEach((row) => row.forEach((link) => link?.heal()));
  const stop = async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await Promise.all(links.flat().map((link) => link?.[Symbol.asyncDispose]()));
    await Deno.remove(folder, { recursive: true });
  };
  const url = servers.map((server) => server.url).join(",");

  /** Connects to one of the servers that answer, for as long as `ask` takes. */
  const asking = async <T>(ask: (nats: NatsConnection) => Promise<T>): Promise<T> => {
    const nats = await connect({
      servers: servers.filter(({ running }) => running).map(({ port }) => `127.0.0.1:${port}`),
      timeout: TIMEOUT_MS,
      reconnect: false,
    });
    try {
      return await ask(nats);
    } finally {
      await nats.close();
    }
  };
  const info = (stream: string) =>
    asking(async (nats) => {
      const manager = await jetstreamManager(nats, { checkAPI: false, timeout: TIMEOUT_MS });
      const found = await manager.streams.info(stream);
      return isFromLeader(found) ? found : null;
    }).catch(() => null);
  const stepDown = async (stream: string) => {
    await asking((nats) =>
      nats.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, "", { timeout: TIMEOUT_MS })
    ).catch(() => {});
  };
  const member = (stream: string, choose: (info: StreamInfo) => string | undefined) =>
    until(`a member of ${stream}`, async () => {
      const found = await info(stream);
      const name = found === null ? undefined : choose(found);
      return servers.find((server) => server.name === name);
    }, SETTLE_MS);

  try {
    await Promise.all(servers.map((server) => server.ready()));
    await until("the cluster to elect a leader", () =>
      asking(async (nats) => {
        const manager = await jetstreamManager(nats, { checkAPI: false, timeout: TIMEOUT_MS });
        // A stream with a replica on each server proves that all have found each other.
        await manager.streams.add({ name: "PROBE", subjects: ["probe"], num_replicas: size });
        return await manager.streams.delete("PROBE");
      }), SETTLE_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    servers,
    url,
    isolate(server, how) {
      servers.forEach((_, j) => separate(indexOf(server), j, how));
    },
    separate: (one, other, how) => separate(indexOf(one), indexOf(other), how),
    heal,
    info,
    leaderOf: (stream) => member(stream, ({ cluster }) => cluster?.leader),
    followerOf: (stream) => member(stream, ({ cluster }) => cluster?.replicas?.[0]?.name),
    stepDown,
    async settled(streams) {
      for (const stream of streams) {
        let stuckAt = performance.now() + STUCK_MS;
        let helped = 0;
        await until(`the replicas of ${stream}`, async () => {
          const found = await info(stream);
          const { leader, replicas = [] } = found?.cluster ?? {};
          const complete = leader && replicas.length === found!.config.num_replicas - 1 &&
            replicas.every(({ current }) => current);
          if (leader && !complete && performance.now() > stuckAt) {
            const late = replicas.find(({ current }) => !current);
            const server = servers.find(({ name }) => name === late?.name);
            if (helped++ % 2 === 0 || server === undefined) await stepDown(stream);
            else {
              server.process.signal("SIGTERM");
              await server.process.status();
              await server.restart();
            }
            stuckAt = performance.now() + STUCK_MS;
          }
          if (!complete) throw new Error(JSON.stringify(found?.cluster ?? "no leader"));
          return true;
        }, SETTLE_MS);
      }
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** Starts one server, whose configuration is in its folder. */
function clusterServer(binary: string, home: string, port: number, name: string): ClusterServer {
  const data = `${home}/data`;
  const launch = () => startProcess(binary, ["-c", `${home}/nats.conf`]);
  let running = true;
  let copies = 0;
  let process: ChildProcess = launch();
  const kill = async () => {
    running = false;
    await process.kill();
  };
  const start = ({ newDisk = false } = {}) => {
    if (newDisk) Deno.removeSync(data, { recursive: true });
    process = launch();
    running = true;
  };
  /** While the server was down, another test may have taken its port for a moment. */
  const launched = () =>
    until(`${name} to start`, () => {
      if (process.output.some((line) => line.includes("Server is ready"))) return true;
      if (process.ended === undefined) return false;
      if (!process.output.some((line) => line.includes("address already in use"))) {
        throw new Error(
          `it ended with ${process.ended.code}:\n${process.output.slice(-20).join("\n")}`,
        );
      }
      process = launch();
      return false;
    }, SETTLE_MS);
  const ready = async () => {
    await launched();
    await until("nats-server to accept connections", async () => {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    });
  };
  return {
    name,
    url: `nats://127.0.0.1:${port}`,
    port,
    data,
    get process() {
      return process;
    },
    get running() {
      return running;
    },
    kill,
    start,
    ready,
    async restart({ newDisk, disk } = {}) {
      await kill();
      if (disk !== undefined) {
        await Deno.remove(data, { recursive: true });
        await copyFolder(disk, data);
      }
      start({ newDisk });
      await ready();
    },
    async copyDisk() {
      const copy = `${home}/copy-${copies++}`;
      await copyFolder(data, copy);
      return copy;
    },
    [Symbol.asyncDispose]: kill,
  };
}
