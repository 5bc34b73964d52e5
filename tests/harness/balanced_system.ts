/**
 * The topology of compose.yaml's profile `cluster` as processes of this machine: three NATS servers with
 * TLS, three gateways behind HAProxy with the file that compose mounts, two of each other service, and
 * PostgreSQL.
 *
 * @module
 */
import { keepCertificates } from "../../services/start/certificates.ts";
import { clusterConfig, type ClusterNode } from "../../services/start/cluster.ts";
import type { ServiceName } from "../../services/start/flags.ts";
import { findNatsServer } from "../../services/start/nats_server.ts";
import {
  authorizationOf,
  natsAccounts,
  natsUsers,
  seedFile,
} from "../../services/start/nats_users.ts";
import { probe } from "../../services/start/probe.ts";
import { withInstance } from "../../services/start/telemetry.ts";
import { startPostgres } from "./postgres.ts";
import { freePort } from "./ports.ts";
import { type ChildProcess, startProcess } from "./process.ts";
import type { Release } from "./release.ts";
import { ROOT } from "./root.ts";
import { SECRET } from "./system.ts";
import { until } from "./wait.ts";

/** How long a process may take to become ready, milliseconds: a dozen start at once. */
const READY_MS = 60_000;

/** A service process, which can be replaced. */
export interface Instance {
  /** The service with its number: `gateway-1`. */
  readonly name: string;
  readonly service: ServiceName;
  readonly process: ChildProcess;
  readonly healthUrl: string;
  ready(): Promise<void>;
  /** Drains the process and starts another one, of a release, in its place. Returns its exit code. */
  replace(release: Release): Promise<number>;
}

/** The running system. */
export interface BalancedSystem extends AsyncDisposable {
  /** The balancer's addresses: for clients, and for back-ends. */
  readonly url: string;
  readonly apiUrl: string;
  /** The certificate of the authority that signed the balancer's. */
  readonly authority: string;
  readonly instances: readonly Instance[];
  readonly databaseUrl: string;
  /** A file with API keys, which may be written while the API runs. */
  readonly apiKeysFile: string;
}

/** Starts three NATS servers that speak TLS with each other. Returns their URLs. */
async function startServers(
  folder: string,
  authorization: string,
  stack: AsyncDisposableStack,
): Promise<{ urls: string[]; authorityFile: string; pem: string }> {
  const authorityFile = `${folder}/authority.pem`;
  const nodes = [1, 2, 3].map((number): ClusterNode => {
    const [name, cluster] = [`nats-${number}`, `127.0.0.1:${freePort()}`];
    return {
      name,
      // Deno checks the certificate of an address against the name localhost.
      hosts: ["localhost", "127.0.0.1"],
      clients: `127.0.0.1:${freePort()}`,
      cluster,
      route: cluster,
      monitoring: `127.0.0.1:${freePort()}`,
      store: `${folder}/${name}`,
      certFile: `${folder}/${name}-cert.pem`,
      keyFile: `${folder}/${name}-key.pem`,
      authorityFile,
    };
  });
  const pem = `${folder}/balancer.pem`;
  const balancer = { hosts: ["localhost", "127.0.0.1"], certFile: pem, keyFile: pem };
  await keepCertificates([...nodes, balancer], [authorityFile]);
  const binary = await findNatsServer();
  for (const node of nodes) {
    const file = `${folder}/${node.name}.conf`;
    await Deno.writeTextFile(file, clusterConfig(node, nodes, authorization));
    stack.use(startProcess(binary, ["-c", file]));
  }
  for (const { name, monitoring } of nodes) {
    await until(
      `${name} to be part of the cluster`,
      async () => (await probe(`http://${monitoring}/healthz`)).ok,
      READY_MS,
    );
  }
  return { urls: nodes.map(({ clients }) => `tls://${clients}`), authorityFile, pem };
}

async function startInstance(
  service: ServiceName,
  number: number,
  given: Record<string, string>,
  release: Release,
): Promise<Instance & AsyncDisposable> {
  const name = `${service}-${number}`;
  const env = withInstance({ HOST: "127.0.0.1", PORT: String(freePort()), ...given }, name);
  const launch = async ({ flags, folder }: Release) =>
    startProcess(
      Deno.execPath(),
      ["run", "--frozen", ...await flags(service, env), `services/${service}/main.ts`],
      { env, cwd: folder },
    );
  let process = await launch(release);
  const healthUrl = `http://127.0.0.1:${env.HEALTH_PORT ?? env.PORT}/readyz`;
  return {
    name,
    service,
    healthUrl,
    get process() {
      return process;
    },
    ready: async () =>
      void await until(`${name} to be ready`, async () => {
        if (process.ended !== undefined) throw new Error(process.output.slice(-20).join("\n"));
        const { ok, text } = await probe(healthUrl);
        if (!ok) throw new Error(`${text}\n${process.output.slice(-6).join("\n")}`);
        return true;
      }, READY_MS),
    async replace(next) {
      process.signal("SIGTERM");
      const { code } = await process.status(READY_MS);
      process = await launch(next);
      return code;
    },
    [Symbol.asyncDispose]: () => process.kill(),
  };
}

/** Starts the system, with the services of a release, and waits until everything is ready. */
export async function startBalancedSystem(
  release: Release,
  more: Partial<Record<ServiceName, Record<string, string>>> = {},
): Promise<BalancedSystem> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "hopwire-balanced-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const keys = `${folder}/nats-users`;
  const accounts = await natsAccounts(keys, natsUsers([]));
  const postgres = stack.use(await startPostgres());
  const databaseUrl = await postgres.createDatabase();
  const { urls, authorityFile, pem } = await startServers(
    folder,
    authorizationOf(accounts, { traces: false }),
    stack,
  );
  const apiKeysFile = `${folder}/api-keys.json`;
  const own: Partial<Record<ServiceName, Record<string, string>>> = {
    auth: { AUTH_SECRET: SECRET, AUTH_DEV_TOKENS: "true" },
    persistence: { DATABASE_URL: databaseUrl },
    api: { API_KEYS_FILE: apiKeysFile },
  };
  const counts = { auth: 2, persistence: 2, rooms: 2, api: 2, gateway: 3 } as const;
  // An earlier release may have none.
  const hasHealthPort = (await release.flags("gateway", {})).some((flag) =>
    /HEALTH_PORT/.test(flag)
  );
  const instances: (Instance & AsyncDisposable)[] = [];
  const addresses: Record<string, string> = {};
  for (const service of Object.keys(counts) as (keyof typeof counts)[]) {
    for (let number = 1; number <= counts[service]; number++) {
      const port = String(freePort());
      const health: { HEALTH_PORT?: string } = hasHealthPort && service === "gateway"
        ? { HEALTH_PORT: String(freePort()) }
        : {};
      const env: Record<string, string> = {
        PORT: port,
        NATS_URL: urls.join(","),
        NATS_TLS_CA: authorityFile,
        NATS_NKEY_FILE: seedFile(keys, service),
        ...service === "gateway" ? { TRUSTED_PROXIES: "127.0.0.1" } : {},
        ...health,
        ...own[service],
        ...more[service],
      };
      instances.push(stack.use(await startInstance(service, number, env, release)));
      const variable = `${service.toUpperCase()}_${number}`;
      addresses[variable] = `127.0.0.1:${port}`;
      addresses[`${variable}_HEALTH`] = health.HEALTH_PORT ?? port;
    }
  }
  await Promise.all(instances.map((instance) => instance.ready()));
  const [clients, api] = [freePort(), freePort()];
  const balancer = stack.use(startProcess(
    "haproxy",
    ["-db", "-f", `${ROOT}services/deploy/haproxy.cfg`],
    {
      env: {
        ...addresses,
        MAXCONN: "2000",
        CLIENTS_ADDRESS: `127.0.0.1:${clients}`,
        API_ADDRESS: `127.0.0.1:${api}`,
        TLS_PEM: pem,
      },
    },
  ));
  const url = `https://localhost:${clients}`;
  await until("the balancer to reach a gateway", async () => {
    if (balancer.ended !== undefined) throw new Error(balancer.output.join("\n"));
    return (await probe(`${url}/readyz`)).ok;
  });
  const running = stack.move();
  return {
    url,
    apiUrl: `https://localhost:${api}`,
    authority: await Deno.readTextFile(authorityFile),
    instances,
    databaseUrl,
    apiKeysFile,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}
