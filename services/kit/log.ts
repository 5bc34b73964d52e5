/**
 * Structured logs: one JSON object (or one plain line) an event on standard output.
 *
 * @module
 */

/** How grave a line is. */
export type LogLevel = "debug" | "info" | "warn" | "error";

const RANK: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40 };

/** Writes log lines. `fields` stand beside the message as they are. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Makes a logger of one service. `write` is for tests; the default is standard output. */
export function createLogger(
  service: string,
  options: { level?: LogLevel; format?: "json" | "text"; write?: (line: string) => void } = {},
): Logger {
  const { level = "info", format = "json" } = options;
  // deno-lint-ignore no-console
  const write = options.write ?? ((line: string) => console.log(line));
  const at = (name: LogLevel) => (message: string, fields: Record<string, unknown> = {}) => {
    if (RANK[name] < RANK[level]) return;
    if (format === "text") {
      const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${plain(value)}`).join("");
      write(`${name === "info" ? "" : `${name.toUpperCase()} `}${message}${rest}`);
    } else {
      const time = new Date().toISOString();
      write(JSON.stringify({ time, level: name, service, message, ...fields }));
    }
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
}

/** The text of anything thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
