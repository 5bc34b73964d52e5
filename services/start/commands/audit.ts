/**
 * `deno task audit [--repair]`: compares the log with the archive, seq by seq, while the system runs.
 * Exits with 1 if they differ.
 *
 * @module
 */
import { parseArgs } from "node:util";
import {
  ArchiveAudit,
  type AuditFinding,
  type AuditReport,
  roomsStream,
} from "../../contract/mod.ts";
import { type Bus, request } from "../../kit/mod.ts";
import { runCommand } from "./operator_bus.ts";

// deno-lint-ignore no-console
const say = (line: string) => console.log(line);

/** The time that one part of the log may take, milliseconds. */
const TIMEOUT_MS = 30_000;

/** What each kind of difference means, and what `--repair` does. */
const MEANING: Record<AuditFinding["kind"], string> = {
  missing: "in the log, not in the archive",
  changed: "not the same in log and archive",
  extra: "in the archive, but never in the log",
  unexplained: "in neither, and nobody knows why",
  lost: "in the archive, and lost by the log",
};

/** Compares everything. Returns the number of differences that are left. */
export async function auditAll(
  bus: Bus,
  repair: boolean,
  print: (line: string) => void,
): Promise<number> {
  let from: number | undefined;
  let stream = 0;
  let streams = 1;
  let messages = 0;
  let found = 0;
  let repaired = 0;
  do {
    const report: AuditReport = await request(bus, ArchiveAudit, { stream, from, repair }, {
      timeout: TIMEOUT_MS,
    });
    streams = report.streams ?? 1;
    const where = streams > 1 ? ` in ${roomsStream(stream)}` : "";
    for (const { kind, first, last, room } of report.findings) {
      const seqs = first === last ? `message ${first}` : `messages ${first} to ${last}`;
      print(`${kind}: ${seqs}${room === undefined ? "" : ` of ${room}`}${where}: ${MEANING[kind]}`);
      found += last - first + 1;
    }
    messages += report.messages;
    repaired += report.repaired;
    from = report.next;
    if (from === undefined) stream++;
  } while (stream < streams);
  const rest = repair ? `, ${repaired} repaired` : "";
  print(`${messages} messages of the log compared, ${found} differences${rest}`);
  return found - repaired;
}

if (import.meta.main) {
  await runCommand(async (bus) => {
    const { values } = parseArgs({ args: Deno.args, options: { repair: { type: "boolean" } } });
    return await auditAll(bus, values.repair ?? false, say) === 0 ? 0 : 1;
  });
}
