/**
 * The arguments of the start command: there is only `--help`.
 *
 * @module
 */
import { SERVICE_GROUPS, START_GROUP, TELEMETRY_GROUP, type VariableGroup } from "./variables.ts";

/** The width of the text, columns. */
const WIDTH = 96;

/** Returns the first argument that the command does not know; undefined when it knows all. */
export function unknownArgument(args: readonly string[]): string | undefined {
  return args.find((arg) => arg !== "--help" && arg !== "-h");
}

/** Returns the text of `--help`. */
export function helpText(): string {
  return `Usage: deno task start [--help]

Starts NATS, the services and the gateway, waits until all are ready, prints the address of a demo
page and a development token, and restarts what crashes. Ctrl-C drains and stops everything. Data
is kept in .data/; .data/run.json holds the addresses, the token and the process ids for scripts.

Examples:
  deno task start
  PORT=9000 GATEWAYS=4 deno task start
  NATS_SERVICES=dice deno task start
  NATS_URL=tls://nats.example:4222 NATS_NKEY_FILE=keys/{service}.nk deno task start
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 deno task start

Environment variables, with their defaults:
${described(START_GROUP)}

Telemetry; the defaults apply with monitor, or when OTEL_EXPORTER_OTLP_ENDPOINT is set:
${described(TELEMETRY_GROUP)}

Variables of the services, described in services/README.md:
${SERVICE_GROUPS.map(listed).join("\n")}
`;
}

/** One paragraph for each variable. */
function described({ variables }: VariableGroup): string {
  return Object.entries(variables).map(([name, { description, default: preset, unit }]) => {
    const head = `  ${name}${preset === undefined ? "" : `=${preset}`}${unit ? ` (${unit})` : ""}`;
    return `${head}\n${wrap(description.replaceAll("`", ""), 6)}`;
  }).join("\n");
}

/** The names and defaults of a group. */
function listed({ title, variables }: VariableGroup): string {
  const names = Object.entries(variables).map(([name, { default: preset }]) =>
    preset === undefined ? name : `${name}=${preset}`
  );
  return `  ${title}\n${wrap(names.join(" "), 6)}`;
}

/** Breaks text into indented lines. */
function wrap(text: string, indent: number): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line !== "" && indent + line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.map((line) => " ".repeat(indent) + line).join("\n");
}
