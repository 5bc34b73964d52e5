/**
 * Audits on request, and continuously at a low rate.
 *
 * @module
 */
import { ArchiveAudit, type AuditFinding } from "../../contract/mod.ts";
import {
  type Bus,
  errorText,
  events,
  FaultError,
  type Logger,
  observeValue,
  serve,
} from "../../kit/mod.ts";
import { type Generation, LeaseLost } from "../archive/archive.ts";
import type { Served } from "../writer/writer_endpoints.ts";
import { audit, type AuditDeps } from "./audit.ts";

/** Seqs that one request compares. */
const REQUEST_SIZE = 1_000;

/** Seqs that the continuous audit compares at a time. */
const STEP_SIZE = 100;

/** What the auditor needs of the instance, for one stream. */
export interface AuditorDeps extends AuditDeps {
  log: Logger;
  /** What tells the stream's metrics from those of others; nothing if there is one stream. */
  attributes?: Record<string, string>;
  /** The term of the stream's lease while this instance archives it; null otherwise. */
  term(): number | null;
  /** The generation of the log. */
  generation(): Generation | null;
  /** Called when a repair may have explained holes. */
  onRepaired(): void;
}

/** Counts what the continuous audit has compared, and what it has found, by kind. */
const audited = events("hopwire.archive.audit.messages");
const counter = events("hopwire.archive.audit.findings");

/**
 * Serves `archive.audit` of all streams, whichever instance archives them. A repair is a transaction
 * under the lease of the stream, as its holder's are; it changes nothing that those change.
 */
export function serveAudit(bus: Bus, all: () => readonly AuditorDeps[]): Served {
  return serve(bus, ArchiveAudit, "persistence", async (request) => {
    const { stream = 0, from, repair = false } = request;
    const streams = all();
    const deps = streams[stream];
    if (streams[0]!.term() === null) throw new FaultError("unavailable", "not archiving");
    if (deps === undefined) throw new FaultError("invalid_format", `stream: there is no ${stream}`);
    try {
      const generation = (await deps.archive.generations()).at(-1);
      if (generation === undefined) throw new FaultError("unavailable", "not archiving");
      const { term } = await deps.archive.lease();
      const range = { from, size: REQUEST_SIZE, ...(repair ? { repair: { term } } : {}) };
      const report = await audit(deps, generation, range);
      if (report.repaired > 0) deps.onRepaired();
      return streams.length > 1 ? { ...report, streams: streams.length } : report;
    } catch (error) {
      if (error instanceof FaultError) throw error;
      if (!(error instanceof LeaseLost)) deps.log.warn("cannot audit", { error: errorText(error) });
      throw new FaultError("unavailable", "the log or the archive is unavailable", 1_000);
    }
  });
}

/**
 * Returns a function that audits the next part of the log, and begins again at its end. Each
 * difference is logged and counted once a round.
 */
export function continuousAudit(deps: AuditorDeps): () => Promise<void> {
  let from: number | undefined;
  let epoch: string | undefined;
  observeValue("hopwire.archive.audit.position", () => (from ?? 1) - 1, deps.attributes);
  return async () => {
    const generation = deps.generation();
    if (deps.term() === null || generation === null) return;
    if (generation.epoch !== epoch) from = undefined;
    epoch = generation.epoch;
    const report = await audit(deps, generation, { from, size: STEP_SIZE });
    from = report.next;
    audited.add(report.messages);
    for (const finding of report.findings) logFinding(deps.log, finding);
  };
}

function logFinding(log: Logger, { kind, first, last, room }: AuditFinding): void {
  counter.add(last - first + 1, { kind });
  log.error("log and archive differ", { kind, from: first, to: last, room });
}

/** Archives again what the log has of a generation that an older version has archived. */
export async function verifyGeneration(
  deps: AuditDeps,
  term: number,
  generation: Generation,
): Promise<number> {
  let from: number | undefined;
  let repaired = 0;
  do {
    const report = await audit(deps, generation, { from, size: REQUEST_SIZE, repair: { term } });
    repaired += report.repaired;
    from = report.next;
  } while (from !== undefined);
  await deps.archive.markVerified(term, generation.epoch);
  return repaired;
}
