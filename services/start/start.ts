/**
 * Starts NATS and every service, waits until all are ready, says where everything is, keeps it
 * running, and on Ctrl-C (or SIGTERM) drains it all.
 *
 * @module
 */
import { ConfigError, errorText, readConfig } from "../kit/mod.ts";
import { buildPage } from "./build.ts";
import { type Child, keepRunning } from "./child.ts";
import { START_CONFIG, type StartConfig } from "./config.ts";
import { flagsOf, type ServiceName, SERVICES, variablesOf } from "./flags.ts";
import { findNatsServer } from "./nats_server.ts";
import { endLeftovers, type RunFile, writeRunFile } from "./run_file.ts";

/** How long everything may take to be ready, milliseconds. A first run fetches packages before. */
const READY_MS = 60_000;

/** How long a service may take to drain, milliseconds: it gives itself 10 s. */
const GRACE_MS = 12_000;

/** Lines are told apart by colour on a terminal; names are padded to the longest. */
const COLOURS: Record<string, number> = {
  nats: 34,
  auth: 35,
  persistence: 33,
  rooms: 36,
  gateway: 32,
};
const WIDTH = 11;

/** Runs the start command. Returns never; the process ends with 0 after a drain, 1 on a failure. */
export async function start(): Promise<void> {
  const children: Child[] = [];
  let stopping = false;
  const say = (line: string) => write("hopwire", line);
  const stopAll = async (code: number): Promise<never> => {
    if (stopping) return await new Promise<never>(() => {});
    stopping = true;
    // The gateway first, then what it needs, NATS last.
    for (const child of children.reverse()) await child.stop(GRACE_MS);
    Deno.exit(code);
  };
  const refuse = async (error: unknown): Promise<never> => {
    // What fails while everything is being ended, fails because of that.
    if (!stopping) write("hopwire", errorText(error));
    return await stopAll(1);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      if (!stopping) say("draining ...");
      void stopAll(0);
    });
  }
  try {
    const config = readConfig(START_CONFIG);
    await run(config, children, say, () => stopping, refuse);
  } catch (error) {
    await refuse(error instanceof ConfigError ? new Error(error.message) : error);
  }
}

async function run(
  config: StartConfig,
  children: Child[],
  say: (line: string) => void,
  stopping: () => boolean,
  refuse: (error: unknown) => Promise<never>,
): Promise<void> {
  const { DATA_DIR: data, HOST: host } = config;
  const runFile = `${data}/run.json`;
  await Deno.mkdir(data, { recursive: true });
  const left = await endLeftovers(runFile);
  if (left > 0) say(`ended ${left} processes of a run that was killed`);
  requireFree(host, config.PORT, "PORT");
  requireFree(host, config.AUTH_PORT, "AUTH_PORT");
  await fetchPackages(say);
  await buildPage();

  const keep = (
    name: string,
    command: string,
    args: string[],
    env: Record<string, string>,
  ) => {
    children.push(keepRunning({
      name,
      command,
      args,
      env,
      print: (line) => write(name, line),
      started: () => void save(),
      gaveUp: (lastWords) => void refuse(new Error(lastWords)),
    }));
  };
  let saved: Omit<RunFile, "pids" | "pid"> | undefined = undefined;
  const save = async () => {
    if (saved === undefined || stopping()) return;
    const pids = Object.fromEntries(children.map(({ name, pid }) => [name, pid]));
    await writeRunFile(runFile, { ...saved, pid: Deno.pid, pids });
  };

  const natsUrl = config.NATS_URL ?? await startNats(config, say, keep);
  const ports: Record<ServiceName, number> = {
    gateway: config.PORT,
    auth: config.AUTH_PORT,
    rooms: freePort(),
    persistence: freePort(),
  };
  const environments = await environmentsOf(config, natsUrl, ports);
  saved = {
    url: `http://${shownHost(host)}:${config.PORT}/`,
    websocket: `ws://${shownHost(host)}:${config.PORT}/ws`,
    natsUrl,
  };
  for (const service of SERVICES) {
    const env = environments[service];
    const flags = flagsOf(service, env);
    const count = service === "gateway" ? config.GATEWAYS : 1;
    for (let number = 1; number <= count; number++) {
      const name = number === 1 ? service : `${service}-${number}`;
      keep(name, Deno.execPath(), ["run", ...flags, `services/${service}/main.ts`], env);
    }
  }
  const hosts = (service: ServiceName) =>
    `${shownHost(environments[service].HOST!)}:${ports[service]}`;
  for (const service of SERVICES) {
    // Several on one port answer in turn: more than a few that are ready are all of them, most likely.
    const answers = service === "gateway" && config.GATEWAYS > 1 ? config.GATEWAYS * 8 : 1;
    await untilReady(service, `http://${hosts(service)}/readyz`, stopping, answers);
  }
  saved.token = await developmentToken(`http://${hosts("auth")}/token`);
  await save();
  write(
    "hopwire",
    [
      "ready",
      `  page       ${saved.url}`,
      `  WebSocket  ${saved.websocket}`,
      `  NATS       ${natsUrl}`,
      saved.token === undefined ? "" : `  token      ${saved.token}`,
      `  (all of it in ${runFile}; Ctrl-C ends everything)`,
    ].filter(Boolean).join("\n"),
  );
}

/** Starts a nats-server with its data under the data folder. */
async function startNats(
  config: StartConfig,
  say: (line: string) => void,
  keep: (name: string, command: string, args: string[], env: Record<string, string>) => void,
): Promise<string> {
  const binary = await findNatsServer(say);
  const port = config.NATS_PORT || freePort();
  requireFree("127.0.0.1", port, "NATS_PORT");
  const folder = await Deno.realPath(config.DATA_DIR);
  const file = `${folder}/nats.conf`;
  await Deno.writeTextFile(
    file,
    [
      `listen: 127.0.0.1:${port}`,
      `jetstream { store_dir: ${JSON.stringify(`${folder}/nats`)} }`,
      // Room names and tokens make frames of up to 64 KiB; history pages nearly 1 MiB.
      "max_payload: 1MB",
      "",
    ].join("\n"),
  );
  keep("nats", binary, ["-c", file], {});
  return `nats://127.0.0.1:${port}`;
}

/** What each service finds in its environment: what we were given for it, and what we decide. */
async function environmentsOf(
  config: StartConfig,
  natsUrl: string,
  ports: Record<ServiceName, number>,
): Promise<Record<ServiceName, Record<string, string>>> {
  const given = Deno.env.toObject();
  const telemetry = Object.fromEntries(
    Object.entries(given).filter(([name]) => name.startsWith("OTEL_")),
  );
  if (given.OTEL_EXPORTER_OTLP_ENDPOINT) {
    telemetry.OTEL_DENO ??= "true";
    // Deno's default ignores what the parent decided.
    telemetry.OTEL_TRACES_SAMPLER ??= "parentbased_traceidratio";
    telemetry.OTEL_TRACES_SAMPLER_ARG ??= "1";
    // Milliseconds: a collector that hangs must not hold up the end of a service.
    telemetry.OTEL_EXPORTER_OTLP_TIMEOUT ??= "2000";
  }
  const keys = ["AUTH_SECRET", "AUTH_PUBLIC_KEY", "AUTH_PUBLIC_KEY_FILE", "AUTH_JWKS_URL"];
  const ownKeys = keys.some((name) => given[name]);
  const decided: Record<ServiceName, Record<string, string>> = {
    auth: ownKeys
      ? {}
      : { AUTH_SECRET: await developmentSecret(config.DATA_DIR), AUTH_DEV_TOKENS: "true" },
    persistence: { SQLITE_PATH: `${config.DATA_DIR}/archive.db` },
    rooms: {},
    gateway: {
      REUSE_PORT: String(config.GATEWAYS > 1),
      DEMO: "true",
      DEMO_TOKEN_URL: `http://${shownHost(config.HOST)}:${ports.auth}/token`,
    },
  };
  const made = SERVICES.map((service) => {
    const own = Object.fromEntries(
      variablesOf(service).filter((name) => given[name]).map((name) => [name, given[name]!]),
    );
    return [service, {
      LOG_FORMAT: "text",
      ...decided[service],
      ...own,
      ...telemetry,
      OTEL_SERVICE_NAME: `hopwire-${service}`,
      NATS_URL: natsUrl,
      HOST: service === "gateway" || service === "auth" ? config.HOST : "127.0.0.1",
      PORT: String(ports[service]),
    }];
  });
  return Object.fromEntries(made);
}

/** The secret that development tokens are signed with; kept, so that they outlive a restart. */
async function developmentSecret(folder: string): Promise<string> {
  const file = `${folder}/dev-secret`;
  try {
    const kept = (await Deno.readTextFile(file)).trim();
    if (kept.length >= 32) return kept;
  } catch {
    // There is none yet.
  }
  const made = crypto.getRandomValues(new Uint8Array(32)).toHex();
  await Deno.writeTextFile(file, made + "\n", { mode: 0o600 });
  return made;
}

/** A token for the banner; undefined where auth issues none. */
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

/** Fetches the npm packages once, before several services would do it side by side. */
async function fetchPackages(say: (line: string) => void): Promise<void> {
  const waiting = setTimeout(() => say("fetching npm packages ..."), 1_000);
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "-q", ...SERVICES.map((service) => `services/${service}/main.ts`)],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output().finally(() => clearTimeout(waiting));
  if (output.success) return;
  const words = new TextDecoder().decode(output.stderr).trim().split("\n").slice(-3).join(" ");
  throw new Error(`the npm packages could not be fetched (is the npm registry reached?): ${words}`);
}

/** Waits until so many answers in a row say that a service is ready. */
async function untilReady(
  name: string,
  url: string,
  stopping: () => boolean,
  answers: number,
): Promise<void> {
  const end = performance.now() + READY_MS;
  let last = "it does not answer";
  let left = answers;
  // A connection for each request: another may be another process's.
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  for (;;) {
    if (stopping()) throw new Error("it is being ended");
    try {
      const response = await fetch(url, { client });
      const text = await response.text();
      if (response.ok) {
        if (--left === 0) return;
        continue;
      }
      left = answers;
      last = text;
    } catch {
      // Not listening yet.
    }
    if (performance.now() > end) {
      throw new Error(`${name} is not ready after ${READY_MS} ms: ${last}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** @throws {Error} one line that names the port, when something listens there already */
function requireFree(hostname: string, port: number, variable: string): void {
  try {
    Deno.listen({ hostname, port }).close();
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new Error(`port ${port} is taken: end what listens there, or set ${variable}`);
    }
    throw new Error(`cannot listen on ${hostname}:${port} (${variable}): ${errorText(error)}`);
  }
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

function shownHost(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}

function write(name: string, text: string): void {
  const colour = Deno.stdout.isTerminal() ? COLOURS[name.split("-")[0]!] ?? 1 : undefined;
  const label = name.padEnd(WIDTH);
  const prefix = colour === undefined ? `${label} | ` : `\x1b[${colour}m${label} |\x1b[0m `;
  const lines = text.split("\n").map((line) => `${prefix}${line}\n`).join("");
  Deno.stdout.writeSync(new TextEncoder().encode(lines));
}
