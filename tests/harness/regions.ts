/**
 * Two regions: a NATS server and services in each, joined by links with a delay that a test can cut. The
 * servers are configured by the blocks of services/README.md, "Two regions".
 *
 * @module
 */
import { reportsTraces } from "../../services/kit/mod.ts";
import { findNatsServer, natsVersion } from "../../services/start/nats_server.ts";
import {
  authorizationOf,
  natsAccounts,
  natsUsers,
  seedFile,
} from "../../services/start/nats_users.ts";
import type { ServiceName } from "../../services/start/flags.ts";
import { withInstance } from "../../services/start/telemetry.ts";
import { codeBlocks } from "./code_blocks.ts";
import { connectClient, type TestClient } from "./client.ts";
import { type Link, startLink } from "./link.ts";
import { withTestUser } from "./nats_users.ts";
import { freePort } from "./ports.ts";
import { type ChildProcess, startProcess } from "./process.ts";
import { SECRET, startService, type TestService, tokenFor } from "./system.ts";
import { until } from "./wait.ts";

/** How often servers ping each other, seconds. They give up a connection after two pings without answer. */
const PING_SECONDS = 2;

/** How the regions are joined. */
export type Joined = "leaf nodes" | "gateways";

/** The names of the regions. `eu` is the home region, which has the streams. */
export type RegionName = "eu" | "us";

/** Which services run in a region, beside its NATS server. */
const SERVICES: Record<RegionName, readonly ServiceName[]> = {
  eu: ["auth", "persistence", "rooms", "gateway"],
  us: ["auth", "rooms", "gateway"],
};

/** One region. */
export interface Region {
  readonly name: RegionName;
  /** The URL of its first NATS server. */
  readonly natsUrl: string;
  /** Its NATS servers. */
  readonly nats: readonly ChildProcess[];
  /** By name. */
  readonly services: Partial<Record<ServiceName, TestService>>;
  /** Connects a client to the region's gateway, as a user. */
  client(user: string): Promise<TestClient>;
}

/** Two regions under test. */
export interface Regions extends AsyncDisposable {
  /** The home region. */
  readonly eu: Region;
  /** The edge region. */
  readonly us: Region;
  /** Passes nothing on between the regions, or closes their connections. */
  separate(how: "silence" | "cut"): void;
  /** Lets the regions reach each other again. */
  heal(): void;
  /** The connections between the servers of the regions. */
  readonly connections: number;
}

/** Options of {@link startRegions}. */
export interface RegionsOptions {
  joined: Joined;
  /** How long bytes are under way between the regions, in each direction, milliseconds. */
  delay: number;
  /** Environment variables for all services. */
  env?: Record<string, string>;
}

/** Starts the regions, and waits until every service is ready. */
export async function startRegions(options: RegionsOptions): Promise<Regions> {
  const { joined, delay } = options;
  const folder = await Deno.makeTempDir({ prefix: "hopwire-regions-" });
  const binary = await findNatsServer();
  const users = await natsAccounts(`${folder}/keys`, natsUsers([]));
  const authorization = authorizationOf(users, {
    traces: reportsTraces(await natsVersion(binary)),
  });
  await Deno.writeTextFile(`${folder}/users.conf`, withTestUser(authorization));

  const remote = joined === "gateways" ? "gateway" : "leaf";
  // JetStream behind gateways needs a cluster.
  const homes = Array.from({ length: joined === "gateways" ? 3 : 1 }, portsOf);
  const ports = { eu: homes[0]!, us: portsOf() };
  /** What the servers of a region are reached by from the other one. */
  const links: Record<RegionName, Link> = {
    eu: await startLink(ports.eu[remote], { delay }),
    us: await startLink(ports.us[remote], { delay }),
  };
  const variables = {
    EU_LEAF_PASSWORD: "of-leaf-nodes",
    EU_LEAF_URL: `nats://us:of-leaf-nodes@127.0.0.1:${links.eu.port}`,
    REGION_PASSWORD: "of-regions",
    EU_GATEWAY_URL: `nats://region:of-regions@127.0.0.1:${links.eu.port}`,
    US_GATEWAY_URL: `nats://region:of-regions@127.0.0.1:${links.us.port}`,
  };
  const startNats = async (region: RegionName, own: Ports, number: number) => {
    const file = `${folder}/${region}-${number}.conf`;
    const text = (await documented(joined, region)).replace(`${region}-1`, `${region}-${number}`);
    const data = `${folder}/data-${region}-${number}`;
    await Deno.writeTextFile(file, configurationOf(text, own, homes, data));
    return startProcess(binary, ["-c", file], { env: variables });
  };
  const nats = {
    eu: await Promise.all(homes.map((own, i) => startNats("eu", own, i + 1))),
    us: [await startNats("us", ports.us, 1)],
  };
  const startServices = (region: RegionName) =>
    Object.fromEntries(SERVICES[region].map((name) => {
      const env: Record<string, string> = {
        NATS_URL: `nats://127.0.0.1:${ports[region].client}`,
        NATS_NKEY_FILE: seedFile(`${folder}/keys`, name),
        ...name === "auth" ? { AUTH_SECRET: SECRET } : {},
        // Those that create streams, as the document says.
        ...name === "auth" || name === "persistence"
          ? { STREAM_REPLICAS: String(homes.length) }
          : {},
        ...name === "persistence" ? { SQLITE_PATH: `${folder}/archive.db` } : {},
        ...options.env,
      };
      return [name, startService(name, withInstance(env, `${name}-${region}`))];
    })) as Region["services"];
  const clients: TestClient[] = [];
  const services = { eu: startServices("eu"), us: startServices("us") };
  const all = Object.values(services).flatMap((ones) => Object.values(ones));
  const stop = async () => {
    for (const client of clients) client.close();
    await Promise.all(all.map((service) => service.kill()));
    const output = Object.values(nats).flat().flatMap((server) => server.output);
    await Promise.all(Object.values(nats).flat().map((server) => server.kill()));
    await Promise.all(Object.values(links).map((link) => link[Symbol.asyncDispose]()));
    await Deno.remove(folder, { recursive: true });
    // An answer that waited while the link was silent comes too late for its right.
    const violations = output.filter((line) => / Violation (?!.* "_INBOX\.)/.test(line));
    if (violations.length > 0) throw new Error(`missing rights:\n${violations.join("\n")}`);
  };
  const region = (name: RegionName): Region => ({
    name,
    natsUrl: `nats://127.0.0.1:${ports[name].client}`,
    nats: nats[name],
    services: services[name],
    async client(user) {
      const client = await connectClient(`ws://127.0.0.1:${services[name].gateway!.port}/ws`);
      clients.push(client);
      client.send({ type: "auth", token: await tokenFor(user) });
      await client.take("authenticated");
      return client;
    },
  });
  try {
    await Promise.all(all.map((service) => service.ready()));
    await until("the regions to be joined", () => Object.values(links).some(isUsed));
  } catch (error) {
    const logs = Object.values(nats).flat().map(({ output }) => output.slice(-20).join("\n")).join(
      "\n\n",
    );
    await stop();
    throw new Error(`the regions did not start:\n${logs}`, { cause: error });
  }
  return {
    eu: region("eu"),
    us: region("us"),
    separate(how) {
      for (const link of Object.values(links)) link[how]();
    },
    heal() {
      for (const link of Object.values(links)) link.heal();
    },
    get connections() {
      return Object.values(links).reduce((sum, { connections }) => sum + connections, 0);
    },
    [Symbol.asyncDispose]: stop,
  };
}

const isUsed = ({ connections }: Link) => connections > 0;

/** The ports of a region's NATS server. */
type Ports = Record<"client" | "cluster" | "gateway" | "leaf", number>;

const portsOf = (): Ports => ({
  client: freePort(),
  cluster: freePort(),
  gateway: freePort(),
  leaf: freePort(),
});

/** Returns the configuration of a region's server, as services/README.md has it. */
async function documented(joined: Joined, name: RegionName): Promise<string> {
  const blocks = await codeBlocks("services/README.md", "### Two regions", "text", 4);
  const key = joined === "gateways" ? "\ngateway {" : "\nleafnodes {";
  const block = blocks.find((code) => code.startsWith(`# ${name}.conf\n`) && code.includes(key));
  if (block === undefined) throw new Error(`services/README.md has no ${name}.conf (${joined})`);
  return block;
}

/** Replaces ports, paths and hosts of the document by those of the test. */
function configurationOf(text: string, ports: Ports, homes: Ports[], data: string): string {
  const replace: [from: string | RegExp, to: string][] = [
    [/0\.0\.0\.0:4222/, `127.0.0.1:${ports.client}`],
    [/0\.0\.0\.0:6222/, `127.0.0.1:${ports.cluster}`],
    ...homes.map((home, i): [string, string] => [
      `eu-${i + 1}.example:6222`,
      `127.0.0.1:${home.cluster}`,
    ]),
    // Servers tell each other their addresses, which would lead around the link; this leads nowhere.
    [/0\.0\.0\.0:7222/, `127.0.0.1:${ports.gateway}\n  advertise: "127.0.0.1:1"`],
    [/0\.0\.0\.0:7422/, `127.0.0.1:${ports.leaf}\n  advertise: "127.0.0.1:1"`],
    ["ping_interval: 10s", `ping_interval: ${PING_SECONDS}s`],
    ["/data", `"${data}"`],
  ];
  return replace.reduce((all, [from, to]) => all.replace(from, to), text);
}
