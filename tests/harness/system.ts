/**
 * The whole system for tests: a real nats-server, and as many real service processes as requested,
 * on free ports.
 *
 * @module
 */
import { SignJWT } from "jose";
import { type Declaration, reportsTraces } from "../../services/kit/mod.ts";
import { buildPage } from "../../services/start/build.ts";
import { flagsOf, type ServiceName } from "../../services/start/flags.ts";
import { gatewayReadyUrl } from "../../services/start/gateway_environments.ts";
import { findNatsServer, natsVersion } from "../../services/start/nats_server.ts";
import {
  authorizationOf,
  natsAccounts,
  natsUsers,
  seedFile,
} from "../../services/start/nats_users.ts";
import { probe } from "../../services/start/probe.ts";
import { telemetryEnvironment, withInstance } from "../../services/start/telemetry.ts";
import { connectClient, type TestClient } from "./client.ts";
import { type Link, startLink } from "./link.ts";
import { type NatsServer, startNats } from "./nats.ts";
import { type NatsCluster, startNatsCluster } from "./nats_cluster.ts";
import { withTestUser } from "./nats_users.ts";
import { writeWebhooks } from "./receiver.ts";
import { ROOT } from "./root.ts";
import { freePort } from "./ports.ts";
import { type ChildProcess, startProcess } from "./process.ts";
import { until } from "./wait.ts";

/** The secret that signs the tests' tokens. */
export const SECRET = "a secret of tests, thirty-two bytes and more";

export { NO_QUOTAS } from "./no_quotas.ts";

/** A service process that can be killed and restarted on its port. */
export interface TestService extends AsyncDisposable {
  readonly name: ServiceName;
  readonly port: number;
  /** The URL of its own `/readyz`, which is on another port where gateways share one. */
  readonly readyUrl: string;
  /** Its variables, for its next start. */
  readonly env: Record<string, string>;
  /** The current process. */
  readonly process: ChildProcess;
  /** The current process and its predecessors. */
  readonly processes: readonly ChildProcess[];
  /** Waits until `/readyz` reports ready. */
  ready(): Promise<void>;
  kill(): Promise<void>;
  /** Kills it, and starts another process; `env` changes its variables. */
  restart(env?: Record<string, string>): Promise<void>;
}

/** Options of {@link startSystem}. */
export interface SystemOptions {
  /** The number of instances of each service; 1 by default. */
  gateways?: number;
  auths?: number;
  rooms?: number;
  persistences?: number;
  /** Whether to run monitor, to which all services then export. */
  monitor?: boolean;
  /** 0 by default. */
  apis?: number;
  /** Endpoints of webhooks. With them hooks runs, in one instance by default. */
  webhooks?: object[];
  hooks?: number;
  /** Environment variables for all services, and for each kind. */
  env?: Partial<Record<ServiceName | "all", Record<string, string>>>;
  /** The namespaces to write into NAMESPACES_FILE. */
  namespaces?: object[];
  /** Whether NATS is a cluster of three servers, which each service reaches through links of its own. */
  cluster?: boolean;
  /** Appended to nats-server's configuration. */
  natsConfig?: string;
  /** The nats-server binary. By default that of NATS_SERVER, else the installed one. */
  natsServer?: string;
  /** Services of the test, which get users of NATS: see NATS_SERVICES. */
  natsServices?: string[];
  /** The declarations of services of one's own, which get users of NATS. */
  own?: Pick<Declaration, "name" | "needs">[];
}

/** A running system. Each service has its own user of NATS. */
export interface System extends AsyncDisposable {
  /** In a cluster its first server. */
  readonly nats: NatsServer;
  /** Only with the option `cluster`. */
  readonly cluster: NatsCluster | undefined;
  /** The links through which a service reaches the servers of the cluster, in their order. */
  linksOf(service: TestService): readonly Link[];
  readonly folder: string;
  readonly gateways: TestService[];
  readonly auths: TestService[];
  readonly rooms: TestService[];
  readonly persistences: TestService[];
  /** Only with the option `monitor`. */
  readonly monitor: TestService | undefined;
  readonly apis: TestService[];
  readonly hooks: TestService[];
  /** The variables with which a service connects to NATS as its own user. */
  natsEnv(service: string): Record<string, string>;
  /** Connects a client, and authenticates it if a user is given. */
  client(options?: ClientOptions): Promise<TestClient>;
  /** Returns the WebSocket URL of a gateway. */
  url(gateway?: number): string;
}

/** Options of {@link System.client}. */
export interface ClientOptions {
  user?: string;
  gateway?: number;
  claims?: Record<string, unknown>;
}

/** Signs a token with {@link SECRET}, valid for an hour and for all calls, unless `claims` says otherwise. */
export function tokenFor(user: string, claims: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT({
    sub: user,
    name: user,
    calls: ["*.*"],
    iat: Math.floor(Date.now() / 1_000),
    exp: Math.floor(Date.now() / 1_000) + 3_600,
    ...claims,
  })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(SECRET));
}

/** Starts one service. `env` must contain NATS_URL. `main` may be another script that runs it. */
export function startService(
  name: ServiceName,
  env: Record<string, string>,
  main = `services/${name}/main.ts`,
): TestService {
  const port = Number(env.PORT ?? freePort());
  const variables: Record<string, string> = { HOST: "127.0.0.1", ...env, PORT: String(port) };
  // On a shared port any gateway may answer.
  if (variables.REUSE_PORT === "true") variables.HEALTH_PORT ??= String(freePort());
  const launch = () =>
    startProcess(
      Deno.execPath(),
      ["run", "--frozen", ...flagsOf(name, variables), main],
      { env: variables, cwd: ROOT },
    );
  const processes = [launch()];
  const readyUrl = gatewayReadyUrl("127.0.0.1", variables);
  return {
    name,
    port,
    readyUrl,
    env: variables,
    processes,
    get process() {
      return processes.at(-1)!;
    },
    async ready() {
      await until(`${name} to be ready`, async () => {
        const { ended, output } = processes.at(-1)!;
        if (ended !== undefined) {
          throw new Error(`the service ended with ${ended.code}:\n${output.join("\n")}`);
        }
        const { ok, text } = await probe(readyUrl);
        if (!ok) throw new Error(text);
        return true;
      });
    },
    kill: () => processes.at(-1)!.kill(),
    async restart(env) {
      await processes.at(-1)!.kill();
      Object.assign(variables, env);
      processes.push(launch());
    },
    [Symbol.asyncDispose]: () => processes.at(-1)!.kill(),
  };
}

/** Starts a system and waits until every service is ready. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  if (options.env?.gateway?.DEMO === "true") await buildPage();
  const folder = await Deno.makeTempDir({ prefix: "hopwire-system-" });
  const keys = `${folder}/nats-users`;
  const accounts = await natsAccounts(
    keys,
    natsUsers(options.natsServices ?? [], "natsServices", options.own),
  );
  const binary = options.natsServer ?? await findNatsServer();
  const traces = reportsTraces(await natsVersion(binary));
  const config = withTestUser(authorizationOf(accounts, { traces })) + (options.natsConfig ?? "");
  const cluster = options.cluster ? await startNatsCluster({ config, binary }) : undefined;
  const servers = cluster?.servers ?? [await startNats({ config, binary })];
  const nats = servers[0]!;
  const natsUrl = cluster?.url ?? nats.url;
  const natsEnv = (service: string) => ({
    NATS_URL: natsUrl,
    NATS_NKEY_FILE: seedFile(keys, service),
  });
  const shared: Record<string, string> = { ...options.env?.all };
  if (options.namespaces !== undefined) {
    shared.NAMESPACES_FILE = `${folder}/namespaces.json`;
    const text = JSON.stringify({ namespaces: options.namespaces });
    await Deno.writeTextFile(shared.NAMESPACES_FILE, text);
  }
  const defaults: Record<ServiceName, Record<string, string>> = {
    monitor: {},
    auth: { AUTH_SECRET: SECRET },
    persistence: {
      SQLITE_PATH: `${folder}/archive.db`,
      STREAMS: Deno.env.get("TEST_STREAMS") ?? "1",
    },
    rooms: {},
    api: { API_KEYS_FILE: `${folder}/api-keys.json` },
    hooks: { WEBHOOKS_FILE: `${folder}/webhooks.json` },
    gateway: options.webhooks === undefined ? {} : { STATE_CONNECTIONS: "true" },
  };
  if (options.webhooks !== undefined) await writeWebhooks(folder, options.webhooks);
  const monitorPort = options.monitor ? freePort() : undefined;
  const links = new Map<TestService, Link[]>();
  const many = async (name: ServiceName, count = 1) => {
    const services: TestService[] = [];
    for (let index = 0; index < count; index++) {
      const own = await Promise.all((cluster?.servers ?? []).map(({ port }) => startLink(port)));
      const service = start(name, index, own);
      links.set(service, own);
      services.push(service);
    }
    return services;
  };
  const start = (name: ServiceName, index: number, own: readonly Link[]) => {
    const env = {
      ...natsEnv(name),
      ...own.length > 0
        ? { NATS_URL: own.map(({ port }) => `nats://127.0.0.1:${port}`).join() }
        : {},
      ...monitorPort === undefined ? {} : telemetryEnvironment(name, {}, monitorPort),
      ...shared,
      ...defaults[name],
      ...options.env?.[name],
    };
    return startService(name, withInstance(env, `${name}-${index + 1}`));
  };
  if (monitorPort !== undefined) defaults.monitor.PORT = String(monitorPort);
  const monitors = await many("monitor", options.monitor ? 1 : 0);
  const auths = await many("auth", options.auths);
  const persistences = await many("persistence", options.persistences);
  const rooms = await many("rooms", options.rooms);
  const gateways = await many("gateway", options.gateways);
  const apis = await many("api", options.apis ?? 0);
  const hooks = await many("hooks", options.webhooks === undefined ? 0 : options.hooks);
  const all = [...gateways, ...auths, ...rooms, ...persistences, ...apis, ...hooks, ...monitors];
  const clients: TestClient[] = [];
  const stop = async () => {
    for (const client of clients) client.close();
    await Promise.all(all.map((service) => service.kill()));
    // An answer that a silent link has kept for longer than `answersWithin` comes too late for its right.
    const missing = cluster ? / Violation (?!.* "_INBOX\.)/ : / Violation /;
    const violations = servers.flatMap(({ process }) =>
      process.output.filter((line) => missing.test(line))
    );
    await Promise.all([...links.values()].flat().map((link) => link[Symbol.asyncDispose]()));
    await (cluster ?? nats)[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
    if (violations.length > 0) throw new Error(`missing rights:\n${violations.join("\n")}`);
  };
  try {
    await Promise.all(all.map((service) => service.ready()));
  } catch (error) {
    await stop();
    throw error;
  }
  const url = (gateway = 0) => `ws://127.0.0.1:${gateways[gateway]!.port}/ws`;
  return {
    nats,
    cluster,
    linksOf: (service) => links.get(service) ?? [],
    folder,
    gateways,
    auths,
    rooms,
    persistences,
    monitor: monitors[0],
    apis,
    hooks,
    url,
    natsEnv,
    async client({ user, gateway, claims } = {}) {
      const client = await connectClient(url(gateway));
      clients.push(client);
      if (user !== undefined) {
        client.send({ type: "auth", token: await tokenFor(user, claims) });
        await client.take("authenticated");
      }
      return client;
    },
    [Symbol.asyncDispose]: stop,
  };
}
