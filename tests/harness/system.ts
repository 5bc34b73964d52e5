/**
 * The whole system for a test: a real nats-server and real service processes on free ports, as
 * many of each as the test asks for.
 *
 * @module
 */
import { SignJWT } from "jose";
import { buildPage } from "../../services/start/build.ts";
import { flagsOf, type ServiceName } from "../../services/start/flags.ts";
import { connectClient, type TestClient } from "./client.ts";
import { type NatsServer, startNats } from "./nats.ts";
import { ROOT } from "./root.ts";
import { type ChildProcess, freePort, startProcess } from "./process.ts";
import { until } from "./wait.ts";

/** The secret that the test's tokens are signed with. */
export const SECRET = "a secret of tests, thirty-two bytes and more";

/** One service process, which can be killed and started again on its port. */
export interface TestService extends AsyncDisposable {
  readonly name: ServiceName;
  readonly port: number;
  readonly process: ChildProcess;
  /** Those before it, too. */
  readonly processes: readonly ChildProcess[];
  /** Waits until `/readyz` says so. */
  ready(): Promise<void>;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** How a system is started. */
export interface SystemOptions {
  /** How many of each service; one when not given. */
  gateways?: number;
  auths?: number;
  rooms?: number;
  persistences?: number;
  /** Variables for all, and for one kind. */
  env?: Partial<Record<ServiceName | "all", Record<string, string>>>;
  /** The content of NAMESPACES_FILE. */
  namespaces?: object[];
  /** Added to nats-server's configuration. */
  natsConfig?: string;
}

/** A running system. */
export interface System extends AsyncDisposable {
  readonly nats: NatsServer;
  readonly folder: string;
  readonly gateways: TestService[];
  readonly auths: TestService[];
  readonly rooms: TestService[];
  readonly persistences: TestService[];
  /** A client that is connected, and authenticated where a user is given. */
  client(options?: ClientOptions): Promise<TestClient>;
  /** The address of a gateway's WebSocket. */
  url(gateway?: number): string;
}

/** Options of {@link System.client}. */
export interface ClientOptions {
  user?: string;
  gateway?: number;
  claims?: Record<string, unknown>;
}

/** A token of {@link SECRET}, good for an hour unless `claims` say otherwise. */
export function tokenFor(user: string, claims: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT({
    sub: user,
    name: user,
    exp: Math.floor(Date.now() / 1_000) + 3_600,
    ...claims,
  })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(SECRET));
}

/** Starts one service against a NATS. */
export function startService(
  name: ServiceName,
  env: Record<string, string>,
): TestService {
  const port = Number(env.PORT ?? freePort());
  const variables: Record<string, string> = { HOST: "127.0.0.1", ...env, PORT: String(port) };
  const launch = () =>
    startProcess(
      Deno.execPath(),
      ["run", "--frozen", ...flagsOf(name, variables), `services/${name}/main.ts`],
      { env: variables, cwd: ROOT },
    );
  const processes = [launch()];
  return {
    name,
    port,
    processes,
    get process() {
      return processes.at(-1)!;
    },
    async ready() {
      await until(`${name} to be ready`, async () => {
        const { ended, output } = processes.at(-1)!;
        if (ended !== undefined) throw new Error(`it ended (${ended.code}):\n${output.join("\n")}`);
        const response = await fetch(`http://127.0.0.1:${port}/readyz`);
        const text = await response.text();
        if (!response.ok) throw new Error(text);
        return true;
      });
    },
    kill: () => processes.at(-1)!.kill(),
    async restart() {
      await processes.at(-1)!.kill();
      processes.push(launch());
    },
    [Symbol.asyncDispose]: () => processes.at(-1)!.kill(),
  };
}

/** Starts a system and waits until all of it is ready. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  if (options.env?.gateway?.DEMO === "true") await buildPage();
  const nats = await startNats({ config: options.natsConfig });
  const folder = await Deno.makeTempDir({ prefix: "hopwire-system-" });
  const shared: Record<string, string> = { NATS_URL: nats.url, ...options.env?.all };
  if (options.namespaces !== undefined) {
    shared.NAMESPACES_FILE = `${folder}/namespaces.json`;
    await Deno.writeTextFile(
      shared.NAMESPACES_FILE,
      JSON.stringify({ namespaces: options.namespaces }),
    );
  }
  const own: Record<ServiceName, Record<string, string>> = {
    auth: { AUTH_SECRET: SECRET },
    persistence: { SQLITE_PATH: `${folder}/archive.db` },
    rooms: {},
    gateway: {},
  };
  const many = (name: ServiceName, count = 1) =>
    Array.from(
      { length: count },
      () => startService(name, { ...shared, ...own[name], ...options.env?.[name] }),
    );
  const auths = many("auth", options.auths);
  const persistences = many("persistence", options.persistences);
  const rooms = many("rooms", options.rooms);
  const gateways = many("gateway", options.gateways);
  const all = [...gateways, ...auths, ...rooms, ...persistences];
  const clients: TestClient[] = [];
  const stop = async () => {
    for (const client of clients) client.close();
    await Promise.all(all.map((service) => service.kill()));
    await nats[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
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
    folder,
    gateways,
    auths,
    rooms,
    persistences,
    url,
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
