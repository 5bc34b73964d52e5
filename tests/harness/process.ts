/**
 * A child process of a test: its output is kept (the end of it), it can be waited for, signalled
 * and killed, and it never outlives the test.
 *
 * @module
 */
import { until } from "./wait.ts";

/** Lines of output kept a process. */
const MAX_LINES = 2_000;

/** A running child. */
export interface ChildProcess extends AsyncDisposable {
  readonly pid: number;
  readonly output: readonly string[];
  /** Set once it has ended. */
  readonly ended: Deno.CommandStatus | undefined;
  /** Waits for a line that holds `text` (or fits the expression) and gives it. */
  line(text: string | RegExp, deadline?: number): Promise<string>;
  signal(signal: Deno.Signal): void;
  /** Stops it (SIGSTOP) and waits until it stands still; SIGCONT lets it go on. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL and waits until it has gone. */
  kill(): Promise<void>;
  /** Waits for its own end. */
  status(deadline?: number): Promise<Deno.CommandStatus>;
}

/** Starts a child process. `env` is added to the test's own environment. */
export function startProcess(
  command: string,
  args: string[],
  options: { env?: Record<string, string>; cwd?: string } = {},
): ChildProcess {
  const child = new Deno.Command(command, {
    args,
    env: options.env,
    cwd: options.cwd,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output: string[] = [];
  const readers = [child.stdout, child.stderr].map(async (stream) => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      output.push(...lines);
      if (output.length > MAX_LINES) output.splice(0, output.length - MAX_LINES);
    }
    if (rest !== "") output.push(rest);
  });
  let ended: Deno.CommandStatus | undefined;
  const finished = Promise.all([child.status, ...readers]).then(([status]) => ended = status);
  const signal = (name: Deno.Signal) => {
    try {
      child.kill(name);
    } catch {
      // It has ended already.
    }
  };
  const kill = async () => {
    signal("SIGKILL");
    await finished;
  };
  return {
    pid: child.pid,
    output,
    get ended() {
      return ended;
    },
    line(text, deadline) {
      const fits = (line: string) =>
        typeof text === "string" ? line.includes(text) : text.test(line);
      return until(`"${text}" from ${command}`, () => {
        const found = output.find(fits);
        if (found === undefined && ended !== undefined) {
          throw new Error(`it ended (${ended.code}):\n${output.slice(-20).join("\n")}`);
        }
        return found;
      }, deadline);
    },
    signal,
    async stop() {
      signal("SIGSTOP");
      await until(
        `${command} to stand still`,
        async () => /\) T /.test(await Deno.readTextFile(`/proc/${child.pid}/stat`)),
      );
    },
    kill,
    async status(deadline) {
      await until(`${command} to end`, () => ended, deadline);
      return ended!;
    },
    [Symbol.asyncDispose]: kill,
  };
}

/** Below the range that the system takes ports of outgoing connections from (32768 on). */
const PORTS = { first: 20_000, count: 12_000 };

let nextPort = Math.floor(Math.random() * PORTS.count);

/** A TCP port that was free a moment ago, and that nobody here is given again soon. */
export function freePort(): number {
  for (;;) {
    const port = PORTS.first + nextPort++ % PORTS.count;
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
