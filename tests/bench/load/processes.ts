/**
 * Load processes, as the bench starts them.
 *
 * @module
 */
import { ROOT } from "../../harness/root.ts";
import type { Target } from "../target.ts";
import type { LoadOrder, LoadReport } from "./messages.ts";

/** The largest number of clients of one load process: it has 20,000 file descriptors or more. */
const CLIENTS_PER_PROCESS = 15_000;

/** Source addresses per load process, so that each has ports enough. */
const SOURCES = 4;

/** The first source address, 127.0.0.x. */
const FIRST_SOURCE = 10;

/** Load processes that are ready. */
export interface LoadProcesses extends AsyncDisposable {
  /** Starts the load, and returns what all of them report. */
  go(): Promise<LoadReport>;
  /** Disconnects all clients at once. */
  close(): Promise<void>;
}

/** Starts as many processes as the clients need, at least two, and waits until they are ready. */
export async function startLoad(
  target: Target,
  options: { clients: number; rooms: number; rate: number; limit: number },
): Promise<LoadProcesses> {
  const count = Math.max(2, Math.ceil(options.clients / CLIENTS_PER_PROCESS));
  const each = Math.ceil(options.clients / count);
  const processes = Array.from({ length: count }, (_, index) => {
    const first = index * each;
    return startOne({
      ports: target.ports,
      wire: target.wire.name,
      first,
      clients: Math.min(each, options.clients - first),
      rooms: options.rooms,
      rate: options.rate / count,
      limit: options.limit,
      sources: Array.from({ length: SOURCES }, (_, i) => FIRST_SOURCE + index * SOURCES + i),
    });
  });
  for (const process of processes) await process.expect("ready");
  const sayAll = (line: string) => Promise.all(processes.map((process) => process.say(line)));
  return {
    async go() {
      await sayAll("go");
      const reports: LoadReport[] = [];
      for (const process of processes) reports.push(JSON.parse(await process.next()));
      return merge(reports);
    },
    async close() {
      await sayAll("close");
      for (const process of processes) await process.expect("closed");
    },
    async [Symbol.asyncDispose]() {
      for (const process of processes) await process.kill();
    },
  };
}

function startOne(order: LoadOrder) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--frozen", `${ROOT}tests/bench/load/main.ts`, JSON.stringify(order)],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const lines = linesOf(child.stdout);
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("a load process has ended");
    return value;
  };
  return {
    say: (line: string) => writer.write(new TextEncoder().encode(`${line}\n`)),
    next,
    async expect(line: string) {
      const got = await next();
      if (got !== line) throw new Error(`a load process said ${got.slice(0, 200)}, not ${line}`);
    },
    async kill() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await writer.close().catch(() => {});
      await lines.return(undefined);
      await child.status;
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

function merge(reports: LoadReport[]): LoadReport {
  const refused: Record<string, number> = {};
  for (const report of reports) {
    for (const [code, count] of Object.entries(report.refused)) {
      refused[code] = (refused[code] ?? 0) + count;
    }
  }
  return {
    joinedAt: reports.flatMap(({ joinedAt }) => joinedAt).sort((a, b) => a - b),
    took: reports.flatMap(({ took }) => took).sort((a, b) => a - b),
    refused,
    late: Math.max(...reports.map(({ late }) => late)),
  };
}
