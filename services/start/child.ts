/**
 * A child process of the start command. It is restarted when it exits, and stopped with SIGTERM, or
 * with SIGKILL when it does not exit in time.
 *
 * @module
 */

/** The delay before a restart, milliseconds. It doubles each time the child exits early. */
const RESTART_MIN_MS = 200;
const RESTART_MAX_MS = 5_000;

/** A child that ran for this long did not exit early, milliseconds. */
const STABLE_MS = 10_000;

/** The exit code of a service whose configuration is invalid. A restart would not help. */
const EXIT_CONFIG = 78;

/** What {@link keepRunning} needs to know. */
export interface ChildOptions {
  name: string;
  command: string;
  args: string[];
  env: Record<string, string>;
  /** Receives each line of the child's output. */
  onLine(line: string): void;
  /** The child was started or restarted, with this process id. */
  onSpawn(pid: number): void;
  /** The child exited and will be restarted after `wait` milliseconds. */
  onRestart(reason: string, wait: number): void;
  /** The child rejected its configuration and will not be restarted. */
  onConfigError(): void;
}

/** A child that is kept running. */
export interface Child {
  readonly name: string;
  /** Stops it: SIGTERM, then after `grace` milliseconds SIGKILL. Returns whether SIGTERM sufficed. */
  stop(grace: number): Promise<boolean>;
}

/** Starts a child and keeps it running. */
export function keepRunning(options: ChildOptions): Child {
  let stopping = false;
  let wait = RESTART_MIN_MS;
  let child: Deno.ChildProcess;
  let exited: Promise<void>;
  let restart: ReturnType<typeof setTimeout> | undefined;

  const launch = () => {
    const startedAt = performance.now();
    const spawned = new Deno.Command(options.command, {
      args: options.args,
      env: options.env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      // A process group of its own: Ctrl-C reaches only the start command, which stops the children
      // in order.
      detached: true,
    }).spawn();
    child = spawned;
    options.onSpawn(spawned.pid);
    const readers = [spawned.stdout, spawned.stderr].map((s) => eachLine(s, options.onLine));
    exited = Promise.all([spawned.status, ...readers]).then(([status]) => {
      if (stopping) return;
      if (status.code === EXIT_CONFIG) {
        stopping = true;
        return options.onConfigError();
      }
      if (performance.now() - startedAt >= STABLE_MS) wait = RESTART_MIN_MS;
      options.onRestart(
        status.signal ? `was killed by ${status.signal}` : `exited with code ${status.code}`,
        wait,
      );
      restart = setTimeout(launch, wait);
      wait = Math.min(wait * 2, RESTART_MAX_MS);
    });
  };
  launch();
  return {
    name: options.name,
    async stop(grace) {
      stopping = true;
      clearTimeout(restart);
      const signal = (which: Deno.Signal) => {
        try {
          child.kill(which);
        } catch {
          // It has exited already.
        }
      };
      signal("SIGTERM");
      let inTime = true;
      const force = setTimeout(() => {
        inTime = false;
        signal("SIGKILL");
      }, grace);
      await exited;
      clearTimeout(force);
      return inTime;
    },
  };
}

async function eachLine(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void) {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
}
