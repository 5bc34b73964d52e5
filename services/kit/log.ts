/**
 * Structured logs on standard output: one JSON object, or one line of text, for each event. JSON lines that
 * are written within a trace carry its ids, and Deno's exporter attaches them to the trace.
 *
 * @module
 */
import { context as activeContext } from "@opentelemetry/api";
import { type Context, traceparentOf } from "./hop.ts";

/** The severity of a log line. */
export type LogLevel = "debug" | "info" | "warn" | "error";

const RANK: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40 };

/**
 * Writes log lines. The `fields` are added to the line unchanged: they never hold tokens or the content of
 * messages. `trace` is the context that the event belongs to, such as that of a hop.
 */
export interface Logger {
  /** Logs what only a developer of the service needs. */
  debug(message: string, fields?: Record<string, unknown>, trace?: Context): void;
  /** Logs a normal event. */
  info(message: string, fields?: Record<string, unknown>, trace?: Context): void;
  /** Logs a problem that the service recovers from by itself. */
  warn(message: string, fields?: Record<string, unknown>, trace?: Context): void;
  /** Logs a problem that somebody has to look at. */
  error(message: string, fields?: Record<string, unknown>, trace?: Context): void;
}

/**
 * Creates the logger of a service. Lines below `level` are dropped. JSON lines carry the time in
 * UTC; text lines carry the local time of day. `write` and `now` are for tests.
 */
export function createLogger(
  service: string,
  options: {
    level?: LogLevel;
    format?: "json" | "text";
    write?: (line: string) => void;
    now?: () => Date;
  } = {},
): Logger {
  const { level = "info", format = "json", now = () => new Date() } = options;
  // deno-lint-ignore no-console
  const write = options.write ?? ((line: string) => console.log(line));
  const lineOf = (
    name: LogLevel,
    message: string,
    fields: Record<string, unknown>,
    trace: Context | undefined,
  ): string => {
    if (format === "text") {
      const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${plain(value)}`).join("");
      return `${timeOfDay(now())} ${name.toUpperCase().padEnd(5)} ${message}${rest}`;
    }
    const time = now().toISOString();
    return JSON.stringify({ time, level: name, service, message, ...idsOf(trace), ...fields });
  };
  const at = (name: LogLevel): Logger[LogLevel] => (message, fields = {}, trace) => {
    if (RANK[name] < RANK[level]) return;
    const line = lineOf(name, message, fields, trace);
    if (trace === undefined) write(line);
    else activeContext.with(trace, write, undefined, line);
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** The ids of a trace, by the names of OpenTelemetry's log fields; none without a trace. */
function idsOf(trace: Context | undefined): { trace_id?: string; span_id?: string } {
  const traceparent = trace && traceparentOf(trace);
  if (traceparent === undefined) return {};
  const [, traceId, spanId] = traceparent.split("-");
  return { trace_id: traceId, span_id: spanId };
}

/** `HH:MM:SS.mmm` in local time. */
function timeOfDay(time: Date): string {
  const part = (value: number, width = 2) => String(value).padStart(width, "0");
  return `${part(time.getHours())}:${part(time.getMinutes())}:${part(time.getSeconds())}.${
    part(time.getMilliseconds(), 3)
  }`;
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
}

/** Returns the message of anything that was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
