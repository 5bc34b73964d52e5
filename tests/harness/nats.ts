/**
 * A real nats-server with JetStream for tests, on a free port with its own folder.
 *
 * @module
 */
import { findNatsServer } from "../../services/start/nats_server.ts";
import { type ChildProcess, freePort, startProcess } from "./process.ts";
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
   * `newDisk` is set.
   */
  restart(options?: { newDisk?: boolean }): Promise<void>;
}

/**
 * Starts a nats-server. `config` is appended to its configuration file, `jetstream` to the
 * JetStream block.
 */
export async function startNats(
  options: { config?: string; jetstream?: string; port?: number } = {},
): Promise<NatsServer> {
  const binary = await findNatsServer();
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
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    data: `${folder}/data`,
    get process() {
      return process;
    },
    kill: () => process.kill(),
    async restart({ newDisk = false } = {}) {
      await process.kill();
      if (newDisk) await Deno.remove(`${folder}/data`, { recursive: true });
      process = await launch();
    },
    async [Symbol.asyncDispose]() {
      await process.kill();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
