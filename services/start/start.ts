/**
 * The start command: starts NATS and every service, waits until all are ready, keeps them running,
 * and on SIGINT (Ctrl-C) or SIGTERM stops all of it.
 *
 * @module
 */
import * as z from "zod";
import { GATEWAY_CONFIG } from "../gateway/config.ts";
import { ConfigError, type Declaration, errorText, natsUrl, readConfig } from "../kit/mod.ts";
import { developmentApiKey } from "./api_keys.ts";
import { bannerOf } from "./banner.ts";
import { buildPages, fetchPackages } from "./build.ts";
import { type Child, type ChildOptions, keepRunning } from "./child.ts";
import { START_CONFIG } from "./config.ts";
import {
  checkEnvironments,
  developmentSecret,
  type Environment,
  environmentsOf,
  isWanted,
} from "./environments.ts";
import { gatewayEnvironments, gatewayReadyUrl } from "./gateway_environments.ts";
import { flagsOf, type ServiceName, SERVICES } from "./flags.ts";
import { natsCommand, writeNatsContext } from "./nats_context.ts";
import { logNatsLine } from "./nats_log.ts";
import { findNatsServer, prepareNats } from "./nats_server.ts";
import { type NatsAccount, natsAccounts, natsUsers } from "./nats_users.ts";
import { limitConnections } from "./open_files.ts";
import { ownServices } from "./own/own_services.ts";
import { checkOwn, environmentOfOwn, flagsOfOwn, telemetryOf } from "./own/run_own.ts";
import { createOutputLogger, OWN_NAME, printFrom } from "./output.ts";
import { freePort, reachableHost, requireFreePort } from "./ports.ts";
import { keepNewFilesPrivate, makeDataFolder } from "./private_files.ts";
import { waitUntilReady } from "./readiness.ts";
import { createRunFiles, type RunFiles, stopLeftovers } from "./run_file.ts";
import { writeServiceFiles } from "./service_files.ts";
import { withInstance } from "./telemetry.ts";
import { unknownVariables } from "./unknown_variables.ts";

/**
 * How long a child may take to drain, milliseconds. A service takes 10 s at most, a gateway 12 s beyond
 * its window.
 */
const GRACE_MS = 14_000;

/** How long the start command waits for services of one's own, milliseconds. Then it goes on without. */
const OWN_READY_MS = 15_000;

const log = createOutputLogger(OWN_NAME);

/** Runs the start command. The process exits with 0 after a drain and with 1 after a failure. */
export async function start(): Promise<void> {
  const system = new System();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => void system.stop(0));
  }
  try {
    await system.start();
  } catch (error) {
    await system.fail(errorText(error));
  }
}

class System {
  #children: Child[] = [];
  #files: RunFiles | undefined;
  #stopping = false;
  /** The gateway's DRAIN_WINDOW_MS. */
  #drainWindow = 0;

  async start(): Promise<void> {
    const given = Deno.env.toObject();
    const own = await ownServices();
    const ownVariables = new Set(own.flatMap(({ config }) => Object.keys(config)));
    const [unknown] = unknownVariables(
      Object.keys(given).filter((name) => !ownVariables.has(name)),
    );
    if (unknown !== undefined) throw new ConfigError(unknown);
    const config = readConfig(START_CONFIG);
    const { DATA_DIR: folder, HOST, PORT, AUTH_PORT, API_PORT } = config;
    const host = reachableHost(HOST);
    const secure = given.TLS_CERT_FILE ? "s" : "";
    const url = `http${secure}://${host}:${PORT}/`;
    const users = natsUsers(config.NATS_SERVICES, "NATS_SERVICES", own);
    if (config.NATS_URL !== undefined && config.NATS_SERVICES.length > 0) {
      throw new ConfigError(
        "NATS_SERVICES: the users of NATS_URL are its server's; see deno task nats-users",
      );
    }
    await makeDataFolder(folder);
    const leftovers = await stopLeftovers(folder);
    if (leftovers > 0) log.warn(`stopped ${leftovers} processes of a run that was killed`);
    requireFreePort(HOST, PORT, "PORT");
    requireFreePort("127.0.0.1", AUTH_PORT, "AUTH_PORT");
    if (config.API) requireFreePort("127.0.0.1", API_PORT, "API_PORT");
    if (config.MONITOR) requireFreePort("127.0.0.1", config.MONITOR_PORT, "MONITOR_PORT");
    const off = [config.MONITOR ? "" : "monitor", config.API ? "" : "api"];
    const natsPort = config.NATS_PORT || freePort();
    const natsServers = config.NATS_URL ?? `nats://127.0.0.1:${natsPort}`;
    const ports: Record<ServiceName, number> = {
      monitor: config.MONITOR_PORT,
      gateway: PORT,
      auth: AUTH_PORT,
      api: API_PORT,
      rooms: freePort(),
      persistence: freePort(),
      hooks: freePort(),
    };
    const secret = await developmentSecret(folder);
    const keys = config.NATS_URL === undefined ? `${folder}/nats-users` : undefined;
    const accounts = keys === undefined ? [] : await natsAccounts(keys, users);
    const decisions = { natsUrl: natsServers, natsUsers: keys, ports, secret };
    const environments = environmentsOf(config, given, decisions);
    await checkEnvironments(environments);
    const services = SERVICES.filter((service) =>
      !off.includes(service) && isWanted(service, environments)
    );
    const ownEnvironments = new Map(own.map((declaration) => {
      const decided = { given, like: environments.rooms, natsUsers: keys, port: freePort() };
      return [declaration, environmentOfOwn(declaration, decided)];
    }));
    for (const [declaration, env] of ownEnvironments) checkOwn(declaration, env);
    // With a file of the user's own, the user decides about keys.
    const apiKey = given.API_KEYS_FILE || !config.API ? undefined : await developmentApiKey(folder);
    const ofGateway = readConfig(z.object(GATEWAY_CONFIG), (name) => environments.gateway[name]);
    this.#drainWindow = ofGateway.DRAIN_WINDOW_MS;
    limitConnections(environments.gateway, ofGateway.MAX_CONNECTIONS, log);
    this.#files = createRunFiles(folder, url);
    await fetchPackages(() => log.info("fetching npm packages ..."));
    await buildPages();
    if (this.#stopping) return;
    const binary = config.NATS_URL === undefined
      ? await findNatsServer((line) => log.info(line))
      : undefined;
    // Not before: an installation needs the usual mode.
    keepNewFilesPrivate();
    if (binary !== undefined) await this.#startNats(binary, folder, natsPort, accounts);
    this.#startOwn(ownEnvironments);
    const gateways = gatewayEnvironments(environments.gateway, config.GATEWAYS);
    const instances = (service: ServiceName) =>
      service === "gateway" ? gateways : [environments[service]];
    for (const service of services) this.#startService(service, instances(service));
    for (const service of services) {
      for (const env of instances(service)) {
        const url = gatewayReadyUrl(reachableHost(env.HOST!), env);
        await waitUntilReady(service, url, () => this.#stopping);
      }
    }
    await this.#ownReady(ownEnvironments);
    const token = await developmentToken(`http://127.0.0.1:${AUTH_PORT}/token`);
    if (this.#stopping) return;
    const websocket = `ws${secure}://${host}:${PORT}/ws`;
    const natsUrl = withoutCredentials(natsServers);
    const monitor = config.MONITOR ? `http://127.0.0.1:${config.MONITOR_PORT}/` : undefined;
    const api = config.API ? `http://127.0.0.1:${API_PORT}/` : undefined;
    this.#files.setReady({ websocket, natsUrl, monitor, api, apiKey, token });
    const files = keys === undefined
      ? []
      : await writeServiceFiles(folder, natsUrl, keys, accounts, telemetryOf(environments.rooms));
    const looked = await writeNatsContext(folder, natsServers, given, keys);
    printFrom(
      OWN_NAME,
      bannerOf({
        page: url,
        websocket,
        monitor,
        api,
        natsUrl,
        natsCommand: looked ? natsCommand(folder) : undefined,
        files,
        token,
        apiKey,
        runFile: this.#files.path,
      }),
    );
  }

  async #startNats(
    binary: string,
    folder: string,
    port: number,
    accounts: readonly NatsAccount[],
  ): Promise<void> {
    requireFreePort("127.0.0.1", port, "NATS_PORT");
    const file = await prepareNats(binary, folder, port, accounts);
    const natsLog = createOutputLogger("nats");
    this.#keepRunning({
      name: "nats",
      command: binary,
      args: ["-c", file],
      env: {},
      onLine: (line) => logNatsLine(line, natsLog),
    });
  }

  #startService(service: ServiceName, environments: readonly Environment[]): void {
    for (const [index, env] of environments.entries()) {
      const name = index === 0 ? service : `${service}-${index + 1}`;
      this.#keepRunning({
        name,
        command: Deno.execPath(),
        args: ["run", ...flagsOf(service, env), `services/${service}/main.ts`],
        env: withInstance(env, name),
        onLine: (line) => printFrom(name, line),
      });
    }
  }

  /** Before the gateways, so that they stop after them: clients may call them to the end. */
  #startOwn(environments: ReadonlyMap<Declaration, Environment>): void {
    for (const [declaration, env] of environments) {
      const { name } = declaration;
      this.#keepRunning({
        name,
        command: Deno.execPath(),
        args: ["run", ...flagsOfOwn(declaration, env), `services/${name}/main.ts`],
        env: withInstance(env, name),
        onLine: (line) => printFrom(name, line),
      });
    }
  }

  /** Waits for services of one's own. One that does not become ready keeps nobody waiting for long. */
  async #ownReady(environments: ReadonlyMap<Declaration, Environment>): Promise<void> {
    await Promise.all([...environments].map(async ([{ name }, env]) => {
      const url = `http://127.0.0.1:${env.PORT}/readyz`;
      try {
        await waitUntilReady(name, url, () => this.#stopping, OWN_READY_MS);
      } catch (error) {
        if (!this.#stopping) log.warn(errorText(error));
      }
    }));
  }

  #keepRunning(options: Pick<ChildOptions, "name" | "command" | "args" | "env" | "onLine">): void {
    const { name } = options;
    // Started while the system stops, a child would outlive it.
    if (this.#stopping) return;
    this.#children.push(keepRunning({
      ...options,
      env: { ...options.env, ...this.#files!.mark },
      onSpawn: (pid) => this.#files!.setPid(name, pid),
      onRestart: (reason, wait) => log.warn(`${name} ${reason}, restarting it in ${wait} ms`),
      // The service has logged the error itself.
      onConfigError: () => void this.fail(`${name} rejected its configuration, stopping`),
    }));
  }

  /** Reports an error, stops everything and exits with 1. */
  async fail(message: string): Promise<never> {
    // An error while the system stops is a consequence of that.
    if (!this.#stopping) log.error(message);
    return await this.stop(1);
  }

  /** Stops everything, what depends on others first, and exits. */
  async stop(code: number): Promise<never> {
    if (this.#stopping) return await new Promise<never>(() => {});
    this.#stopping = true;
    if (code === 0) log.info("stopping ...");
    for (const child of this.#children.toReversed()) {
      const grace = GRACE_MS + (child.name.startsWith("gateway") ? this.#drainWindow : 0);
      const inTime = await child.stop(grace);
      if (!inTime) log.warn(`${child.name} did not exit within ${grace} ms and was killed`);
    }
    this.#files?.remove();
    Deno.exit(code);
  }
}

/** Asks the auth service for a token; undefined when it issues none. */
async function developmentToken(url: string): Promise<string | undefined> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ userId: "dev", username: "dev" }),
  });
  if (!response.ok) {
    await response.body?.cancel();
    return undefined;
  }
  return (await response.json()).token;
}

function withoutCredentials(servers: string): string {
  return servers.split(",").map((part) => {
    const url = natsUrl(part.trim())!;
    return `${url.protocol}//${url.host}`;
  }).join(",");
}
