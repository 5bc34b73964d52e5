/**
 * Exports spans whose ids others know already: a client puts the id of its own span into the `traceparent`
 * of a message and reports later how long the span took. Deno's exporter gives every span an id of its own,
 * so these go to the collector by another request. Like Deno's, they are lost if the collector takes none.
 *
 * @module
 */
import { SPAN_ATTRIBUTES } from "../../contract/mod.ts";
import { within } from "../deadline.ts";
import {
  type ExporterSettings,
  exporterSettings,
  mayConnect,
  readVariable,
} from "./exporter_settings.ts";
import type { FinishedHop } from "./hop_spans.ts";
import { encodeSpansJson, encodeSpansProtobuf, type RootSpan } from "./otlp_spans.ts";
import { postOtlp } from "./post_otlp.ts";

/** Most spans that wait for an export: five seconds of what a gateway takes from clients. */
const MAX_WAITING = 1_000;

/** How long the first of them waits for others, milliseconds; ten times as long after a failure. */
const DELAY_MS = 1_000;
const FAILED_DELAY_MS = 10 * DELAY_MS;

/** How long the last export of a process may take, milliseconds, if the timeout allows more. */
const FLUSH_MS = 2_000;

/** See the module's doc. */
export class RootSpansExporter {
  readonly #settings: ExporterSettings;
  readonly #delayMs: number;
  #waiting: RootSpan[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> | undefined;
  #failed = false;
  #isOver = false;

  /** `delayMs` is how long a span waits for others. */
  constructor(settings: ExporterSettings, delayMs = DELAY_MS) {
    this.#settings = settings;
    this.#delayMs = delayMs;
  }

  /** Exports a span soon, with those of the next second. Drops it if too many are waiting. */
  add(span: RootSpan): void {
    if (this.#waiting.length >= MAX_WAITING) return;
    this.#waiting.push(span);
    this.#schedule();
  }

  /** Exports what is waiting, for the last time, unless the collector has failed before. Never throws. */
  async flush(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const timeoutMs = Math.min(this.#settings.timeoutMs, FLUSH_MS);
    const deadline = performance.now() + timeoutMs;
    if (this.#running !== undefined) await within(this.#running, timeoutMs);
    const left = deadline - performance.now();
    if (left > 0 && !this.#failed) await this.#export(left);
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#running !== undefined || this.#isOver) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#export(this.#settings.timeoutMs).finally(() => {
        this.#running = undefined;
        if (this.#waiting.length > 0) this.#schedule();
      });
    }, this.#failed ? FAILED_DELAY_MS : this.#delayMs);
  }

  async #export(timeoutMs: number): Promise<void> {
    const spans = this.#waiting.splice(0);
    if (spans.length === 0) return;
    const { json, resource } = this.#settings;
    const encode = json ? encodeSpansJson : encodeSpansProtobuf;
    try {
      await postOtlp(this.#settings, encode({ resource, spans }), timeoutMs);
      this.#failed = false;
    } catch {
      this.#failed = true;
    }
  }
}

/** The exporter of this process; null where {@link exporterSettings} says so, or without permission. */
export const rootSpansExporter: RootSpansExporter | null = (() => {
  const settings = exporterSettings(readVariable, "TRACES");
  return settings === null || !mayConnect(settings.url) ? null : new RootSpansExporter(settings);
})();

/**
 * Exports a hop as the span that a valid `traceparent` names, without a parent. Returns false where this
 * process cannot: then the hop can only be a child of that span.
 */
export function exportRootHop(traceparent: string, finished: FinishedHop): boolean {
  if (rootSpansExporter === null) return false;
  const { hop, from, to, attributes } = finished;
  rootSpansExporter.add({
    traceId: traceparent.slice(3, 35),
    spanId: traceparent.slice(36, 52),
    name: hop,
    from,
    to: Math.max(from, to),
    attributes: { ...attributes, [SPAN_ATTRIBUTES.hop]: hop },
  });
  return true;
}
