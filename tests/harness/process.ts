/**
 * Child processes for tests. The end of their output is kept. A test can wait for them, signal them
 * and kill them, and they never outlive it.
 *
 * @module
 */
import { until } from "./wait.ts";

/** Most lines of output kept per process. */
const MAX_LINES = 2_000;

/** A running child. */
export interface ChildProcess extends AsyncDisposable {
  readonly pid: number;
  readonly output: readonly string[];
  /** Set once the process has ended. */
  readonly ended: Deno.CommandStatus | undefined;
  /** Waits for a line of output that contains `text` or matches it, and returns the line. */
  line(text: string | RegExp, deadline?: number): Promise<string>;
  signal(signal: Deno.Signal): void;
  /** Suspends the process with SIGSTOP and waits until it is suspended. SIGCONT resumes it. */
  stop(): Promise<void>;
  /** Kills the process and waits until it has ended. */
  kill(): Promise<void>;
  /** Waits until the process ends. */
  status(deadline?: number): Promise<Deno.CommandStatus>;
}

/** Starts a child process. `env` is added to the test's environment. */
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
      // The process has already ended.
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
          throw new Error(`the process ended with ${ended.code}:\n${output.slice(-20).join("\n")}`);
        }
        return found;
      }, deadline);
    },
    signal,
    async stop() {
      signal("SIGSTOP");
      await until(
        `${command} to be suspended`,
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
