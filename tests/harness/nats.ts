/**
 * A real nats-server with JetStream for tests, on a free port with its own folder.
 *
 * @module
 */
import { findNatsServer } from "../../services/start/nats_server.ts";
import { freePort } from "./ports.ts";
import { type ChildProcess, startProcess } from "./process.ts";
import { until } from "./wait.ts";

/** A nats-server under test. */
export interface NatsServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The folder with the streams. A test may replace it while the server is killed. */
  readonly data: string;
  /** The current process. */
  readonly process: ChildProcess;
  /** Kills the server, as a crash would. */
  kill(): Promise<void>;
  /**
   * Kills the server and starts it again on the same port with the same data, or without any if
   * `newDisk` is set, or with that of a copy made by `copyDisk`.
   */
  restart(options?: { newDisk?: boolean; disk?: string }): Promise<void>;
  /** Copies the data to a folder and returns its path. The server must have been killed. */
  copyDisk(): Promise<string>;
}

/** Options of {@link startNats}. */
export interface NatsOptions {
  /** Appended to the configuration file. */
  config?: string;
  /** Appended to the JetStream block. */
  jetstream?: string;
  /** A free one by default. */
  port?: number;
  /** The server's binary. By default that of NATS_SERVER, else the installed one. */
  binary?: string;
}

/** Starts a nats-server. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const binary = options.binary ?? await findNatsServer();
  const folder = await Deno.makeTempDir({ prefix: "hopwire-nats-" });
  const port = options.port ?? freePort();
  await Deno.writeTextFile(
    `${folder}/nats.conf`,
    `listen: 127.0.0.1:${port}\njetstream { store_dir: "${folder}/data"\n${
      options.jetstream ?? ""
    } }\n${options.config ?? ""}\n`,
  );
  const launch = async () => {
    const process = startProcess(binary, ["-c", `${folder}/nats.conf`]);
    await process.line("Server is ready").catch(async (error) => {
      await process.kill();
      throw error;
    });
    await until("nats-server to accept connections", async () => {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    });
    return process;
  };
  let process = await launch();
  let copies = 0;
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    data: `${folder}/data`,
    get process() {
      return process;
    },
    kill: () => process.kill(),
    async restart({ newDisk = false, disk } = {}) {
      await process.kill();
      if (newDisk || disk !== undefined) await Deno.remove(`${folder}/data`, { recursive: true });
      if (disk !== undefined) await copyFolder(disk, `${folder}/data`);
      process = await launch();
    },
    async copyDisk() {
      const copy = `${folder}/copy-${copies++}`;
      await copyFolder(`${folder}/data`, copy);
      return copy;
    },
    async [Symbol.asyncDispose]() {
      await process.kill();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Copies a folder with everything in it. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
