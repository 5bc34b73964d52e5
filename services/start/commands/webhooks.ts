/**
 * `deno task webhooks list|dead|replay|test|enable|secret`: what an operator of webhooks does while the system
 * runs.
 *
 * @module
 */
import { parseArgs } from "node:util";
import {
  HooksDead,
  HooksEnable,
  HooksList,
  HooksReplay,
  type HookState,
  HooksTest,
  WEBHOOK_SECRET_PREFIX,
} from "../../contract/mod.ts";
import { type Bus, request } from "../../kit/mod.ts";
import { printLine } from "../output.ts";
import { timeOf } from "./denial_text.ts";
import { runCommand } from "./operator_bus.ts";

const USAGE = "usage: deno task webhooks list\n" +
  "       deno task webhooks dead [--endpoint ID] [--id EVENT] [--since TIME]\n" +
  "       deno task webhooks replay --endpoint ID | --id EVENT | --since TIME | --all\n" +
  "       deno task webhooks test ID\n" +
  "       deno task webhooks enable ID\n" +
  "       deno task webhooks secret";

/** How long one request may take, milliseconds: a test waits for the endpoint. */
const TIMEOUT_MS = 35_000;

/** Bytes of a new secret. */
const SECRET_BYTES = 32;

/** Makes a secret. */
export function newSecret(): string {
  return WEBHOOK_SECRET_PREFIX + crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toBase64();
}

/** Runs the command with these arguments. Returns what to print. */
export async function webhooks(bus: Bus, args: string[]): Promise<string> {
  const { values, positionals: [verb, id] } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      endpoint: { type: "string" },
      id: { type: "string" },
      since: { type: "string" },
      all: { type: "boolean" },
    },
  });
  const { endpoint, since, all } = values;
  const which = { endpoint, id: values.id, since: timeOf("--since", since) };
  const some = Object.values(which).some((value) => value !== undefined);
  const options = { timeout: TIMEOUT_MS };
  if (verb === "list") {
    const { endpoints } = await request(bus, HooksList, {}, options);
    return endpoints.map(describe).join("\n") || "there are no endpoints";
  }
  if (verb === "dead") {
    const lines: string[] = [];
    let after: number | undefined = undefined;
    do {
      const page: Awaited<ReturnType<typeof HooksDead.reply.parse>> = await request(
        bus,
        HooksDead,
        { ...which, after },
        options,
      );
      for (const { at, endpoint, id, type, attempts, reason } of page.letters) {
        const when = new Date(at).toISOString();
        lines.push(`${when}  ${endpoint}  ${id}  ${type}, ${attempts} attempts: ${reason}`);
      }
      after = page.next;
    } while (after !== undefined);
    return lines.join("\n") || "there are no dead letters";
  }
  if (verb === "replay" && (some || all)) {
    let replayed = 0;
    let after: number | undefined = undefined;
    do {
      const part: Awaited<ReturnType<typeof HooksReplay.reply.parse>> = await request(
        bus,
        HooksReplay,
        { ...which, after },
        options,
      );
      replayed += part.replayed;
      after = part.next;
    } while (after !== undefined);
    return `${replayed} ${replayed === 1 ? "event is" : "events are"} sent again`;
  }
  if (verb === "test" && id !== undefined) {
    const { ok, outcome, milliseconds } = await request(bus, HooksTest, { endpoint: id }, options);
    if (!ok) throw new Error(`${id}: ${outcome}, after ${milliseconds} ms`);
    return `${id}: ${outcome}, in ${milliseconds} ms`;
  }
  if (verb === "enable" && id !== undefined) {
    await request(bus, HooksEnable, { endpoint: id }, options);
    return `${id} is enabled`;
  }
  throw new Error(USAGE);
}

function describe(state: HookState): string {
  const { id, url, events, waiting, delivered, failed, dead, reason } = state;
  const why = reason === undefined ? "" : ` (${reason})`;
  return `${id}  ${state.state}${why}: ${waiting} waiting, ${delivered} delivered, ` +
    `${failed} failed, ${dead} given up\n    ${url}  ${events.join(", ")}`;
}

if (import.meta.main) {
  if (Deno.args[0] === "secret") printLine(newSecret());
  else {
    await runCommand(async (bus) => {
      printLine(await webhooks(bus, Deno.args));
      return 0;
    });
  }
}
