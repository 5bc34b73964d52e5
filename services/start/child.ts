/**
 * A child process of the start command: its lines come out prefixed, it is started again when it
 * dies, and it is ended with SIGTERM, at last with SIGKILL.
 *
 * @module
 */

/** Waits before a child that died is started again, milliseconds; doubled each time it dies young. */
const RESTART_MIN_MS = 200;
const RESTART_MAX_MS = 5_000;

/** A child that lived so long has not died young, milliseconds. */
const LIVED_MS = 10_000;

/** The exit code of a service whose configuration is wrong: starting it again changes nothing. */
const EXIT_CONFIG = 78;

/** How a child is started. */
export interface ChildOptions {
  name: string;
  command: string;
  args: string[];
  env: Record<string, string>;
  /** Takes a line of its output. */
  print(line: string): void;
  /** It has been started (again): its pid is new. */
  started(): void;
  /** It will not be started again; its last words tell why. */
  gaveUp(lastWords: string): void;
}

/** See the module's doc. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Ends it; after `grace` milliseconds by force. */
  stop(grace: number): Promise<void>;
}

/** Starts a child and keeps it running. */
export function keepRunning(options: ChildOptions): Child {
  const { name, print } = options;
  let stopping = false;
  let wait = RESTART_MIN_MS;
  let child: Deno.ChildProcess;
  let ended: Promise<void>;
  let retry: ReturnType<typeof setTimeout> | undefined;

  const launch = () => {
    const began = performance.now();
    let lastWords = "";
    const started = new Deno.Command(options.command, {
      args: options.args,
      env: options.env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      // A group of its own: Ctrl-C is for us, who then end the children in order.
      detached: true,
    }).spawn();
    child = started;
    const readers = [started.stdout, started.stderr].map((stream) =>
      eachLine(stream, (line) => {
        lastWords = line;
        print(line);
      })
    );
    ended = Promise.all([started.status, ...readers]).then(([status]) => {
      if (stopping) return;
      if (status.code === EXIT_CONFIG) {
        stopping = true;
        return options.gaveUp(lastWords);
      }
      if (performance.now() - began >= LIVED_MS) wait = RESTART_MIN_MS;
      print(`ended (${status.signal ?? status.code}), starting it again in ${wait} ms`);
      retry = setTimeout(launch, wait);
      wait = Math.min(wait * 2, RESTART_MAX_MS);
    });
    options.started();
  };
  launch();
  return {
    name,
    get pid() {
      return child.pid;
    },
    async stop(grace) {
      stopping = true;
      clearTimeout(retry);
      const signal = (which: Deno.Signal) => {
        try {
          child.kill(which);
        } catch {
          // It has ended already.
        }
      };
      signal("SIGTERM");
      const force = setTimeout(() => {
        print(`did not end in ${grace} ms, killing it`);
        signal("SIGKILL");
      }, grace);
      await ended;
      clearTimeout(force);
    },
  };
}

async function eachLine(stream: ReadableStream<Uint8Array>, take: (line: string) => void) {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) take(line);
  }
  if (rest !== "") take(rest);
}
