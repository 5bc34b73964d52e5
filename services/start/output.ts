/**
 * The start command's output: each line has the name of the process that it comes from.
 *
 * @module
 */
import { createLogger, type Logger } from "../kit/mod.ts";

/** The name of the start command itself. */
export const OWN_NAME = "hopwire";

/** The colours of names on a terminal, as ANSI codes. */
const COLOURS: Record<string, number> = {
  nats: 34,
  monitor: 31,
  auth: 35,
  persistence: 33,
  rooms: 36,
  api: 95,
  hooks: 94,
  gateway: 32,
};
const BOLD = 1;

/** Names are padded to the longest one. */
const WIDTH = 11;

/** Prints text, with the name in front of each line. */
export function printFrom(name: string, text: string): void {
  const kind = name.replace(/-\d+$/, "");
  const label = name.padEnd(WIDTH);
  const prefix = Deno.stdout.isTerminal()
    ? `\x1b[${COLOURS[kind] ?? BOLD}m${label} |\x1b[0m `
    : `${label} | `;
  printLine(text.split("\n").map((line) => prefix + line).join("\n"));
}

/** Prints text as it is. */
export function printLine(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Prints an error about the command line. */
export function printUsageError(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Creates a logger whose text lines carry this name. */
export function createOutputLogger(name: string): Logger {
  return createLogger(name, { format: "text", write: (line) => printFrom(name, line) });
}
