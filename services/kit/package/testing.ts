/**
 * Runs a service as a process, for its tests: against a system that runs already.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";

/** How long a service may take to be ready by default, milliseconds. */
const READY_MS = 30_000;

/** How long it may take to stop, milliseconds: a drain takes 10 s at most. */
const STOP_MS = 15_000;

/** How often `/readyz` is asked, milliseconds. */
const ASK_MS = 50;

/** Which service to run. */
export interface StartOptions {
  /** The arguments of the runtime: in Deno `["run", "-A", "main.ts"]`, in Node `["main.ts"]`. */
  args: readonly string[];
  /** Variables beside those of this process: NATS_URL, NATS_NKEY_FILE and its own. */
  env?: Record<string, string>;
  /** The program; by default the runtime that runs this. */
  command?: string;
  /** Its folder; by default that of this process. */
  cwd?: string;
  /** How long it may take to be ready, milliseconds. Default: 30,000. */
  readyMs?: number;
}

/** A service that runs. */
export interface RunningService extends AsyncDisposable {
  /** The address of its health checks. */
  readonly url: string;
  /** What it has written, line by line. */
  readonly output: readonly string[];
  /** Asks it to stop. Returns its exit code: 0 after a drain; null if it had to be killed. */
  stop(): Promise<number | null>;
  /** Kills it. */
  kill(): Promise<void>;
}

/**
 * Starts a service and waits until it is ready.
 *
 * @throws {Error} with all that it has written, if it ends or is not ready in time
 */
export async function startService(options: StartOptions): Promise<RunningService> {
  const { args, env = {}, command = process.execPath, cwd, readyMs = READY_MS } = options;
  const url = `http://127.0.0.1:${await freePort()}`;
  const child = spawn(command, [...args], {
    cwd,
    env: { ...process.env, HOST: "127.0.0.1", PORT: new URL(url).port, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: string[] = [];
  const ended = new Promise<number | null>((resolve) => {
    child.once("error", (error) => {
      output.push(String(error));
      resolve(null);
    });
    child.once("exit", resolve);
  });
  for (const stream of [child.stdout, child.stderr]) collectLines(stream, output);
  const service: RunningService = {
    url,
    output,
    async stop() {
      // Not with `child.kill`, after which Deno does not tell the exit code.
      process.kill(child.pid!, "SIGTERM");
      const late = delay(STOP_MS, undefined, { ref: false }).then(() => child.kill("SIGKILL"));
      await Promise.race([ended, late]);
      return await ended;
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    [Symbol.asyncDispose]: () => service.kill(),
  };
  try {
    await untilReady(url, child, performance.now() + readyMs);
  } catch (error) {
    await service.kill();
    throw new Error(`the service is not ready:\n${output.join("\n")}`, { cause: error });
  }
  return service;
}

async function untilReady(url: string, child: ChildProcess, deadline: number): Promise<void> {
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error("it has ended");
    try {
      const response = await fetch(`${url}/readyz`);
      await response.body?.cancel();
      if (response.ok) return;
    } catch {
      // It does not listen yet.
    }
    if (performance.now() > deadline) throw new Error("it took too long");
    await delay(ASK_MS);
  }
}

function collectLines(stream: NodeJS.ReadableStream, lines: string[]): void {
  let rest = "";
  stream.on("data", (chunk) => {
    const parts = (rest + String(chunk)).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address!.port : 0));
    });
  });
}
