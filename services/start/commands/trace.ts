/**
 * `deno task trace TRACE_ID`, or `deno task trace ROOM SEQ`: asks monitor where the time of a message
 * went, and prints its hops as a waterfall; with `--json` what monitor answered.
 *
 * @module
 */
import type * as z from "zod";
import { MessageList, Overview, Trace } from "../../contract/mod.ts";
import { errorText } from "../../kit/mod.ts";
import { printLine, printUsageError } from "../output.ts";
import { RunFile } from "../run_file.ts";
import { waterfall } from "./waterfall.ts";

/** The exit code of sysexits(3) for wrong arguments. */
const EXIT_USAGE = 64;

const USAGE = "usage: deno task trace TRACE_ID, or deno task trace ROOM SEQ; --json prints JSON";

/** Where compose.yaml publishes monitor. */
const USUAL_URL = "http://127.0.0.1:8090/";

/** How wide output is that goes to no terminal, columns. */
const USUAL_COLUMNS = 100;

/** How long monitor may take to answer, milliseconds. */
const TIMEOUT_MS = 5_000;

/** What to look for. */
type Wanted = { traceId: string } | { room: string; seq: number };

/** Parses the arguments; undefined if they are none that the command knows. */
export function wantedOf(args: readonly string[]): Wanted | undefined {
  const [first, second, ...rest] = args;
  if (first === undefined || rest.length > 0) return undefined;
  if (second !== undefined) {
    return /^\d+$/.test(second) ? { room: first, seq: Number(second) } : undefined;
  }
  // A traceparent holds the id, too.
  const id = /^(?:00-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?$/i.exec(first)?.[1];
  return id === undefined ? undefined : { traceId: id.toLowerCase() };
}

/** Asks a monitor. Returns null if it has no such thing. */
async function ask<T>(base: string, path: string, schema: z.ZodType<T>): Promise<T | null> {
  const token = Deno.env.get("MONITOR_TOKEN");
  let response: Response;
  try {
    response = await fetch(new URL(path, base), {
      headers: token ? { authorization: `Bearer ${token}` } : {},
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new Error(
      `monitor does not answer at ${base}: start the system, or set MONITOR_URL (${
        errorText(error)
      })`,
    );
  }
  const text = await response.text();
  if (response.status === 404) return null;
  if (response.status === 401) throw new Error("monitor asks for a token: set MONITOR_TOKEN");
  if (!response.ok) throw new Error(`monitor answered ${response.status}: ${text.slice(0, 300)}`);
  return schema.parse(JSON.parse(text));
}

/** The address of monitor: MONITOR_URL, else that of the running system, else the usual one. */
async function monitorUrl(): Promise<string> {
  const given = Deno.env.get("MONITOR_URL");
  if (given) return given;
  const path = `${Deno.env.get("DATA_DIR") ?? ".data"}/run.json`;
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch {
    return USUAL_URL;
  }
  const { monitor } = RunFile.parse(JSON.parse(text));
  if (monitor === undefined) throw new Error("the system runs without monitor (MONITOR=false)");
  return monitor;
}

/**
 * Finds the trace.
 *
 * @throws {Error} if monitor does not answer, or has none; the message says what to do
 */
export async function findTrace(base: string, wanted: Wanted): Promise<Trace> {
  if ("traceId" in wanted) {
    const found = await ask(base, `/api/traces/${wanted.traceId}`, Trace);
    if (found !== null) return found;
    throw new Error(await whyMissing(base, `trace ${wanted.traceId}`));
  }
  const { room, seq } = wanted;
  const query = new URLSearchParams({ room, seq: String(seq), order: "recent", limit: "1" });
  const list = await ask(base, `/api/messages?${query}`, MessageList);
  const [message] = list?.messages ?? [];
  const found = message && await ask(base, `/api/traces/${message.traceId}`, Trace);
  if (found) return found;
  throw new Error(await whyMissing(base, `trace of message ${seq} in ${room}`));
}

async function whyMissing(base: string, what: string): Promise<string> {
  const overview = await ask(base, "/api/overview", Overview);
  const minutes = Math.round((overview?.window ?? 0) / 60e6);
  return `monitor has no ${what}. Either it was not sampled (TRACE_RATIO): send the message with ` +
    `trace: true, and it is. Or it is older than ${minutes} minutes (MONITOR_WINDOW). Or the message ` +
    "was sent less than a second ago";
}

if (import.meta.main) {
  const wanted = wantedOf(Deno.args.filter((arg) => arg !== "--json"));
  if (wanted === undefined) {
    printUsageError(USAGE);
    Deno.exit(EXIT_USAGE);
  }
  try {
    const trace = await findTrace(await monitorUrl(), wanted);
    const columns = Deno.stdout.isTerminal() ? Deno.consoleSize().columns : USUAL_COLUMNS;
    printLine(
      Deno.args.includes("--json") ? JSON.stringify(trace, null, 2) : waterfall(trace, columns),
    );
  } catch (error) {
    printUsageError(errorText(error));
    Deno.exit(1);
  }
}
