/**
 * Exports the histograms of this process by OTLP over HTTP, whenever Deno exports the other metrics. A
 * failure loses nothing, because each export has all that was recorded since the process began.
 *
 * @module
 */
import { metrics } from "@opentelemetry/api";
import { within } from "../deadline.ts";
import type { DurationHistogram } from "./duration_histograms.ts";
import {
  type ExporterSettings,
  exporterSettings,
  mayConnect,
  readVariable,
} from "./exporter_settings.ts";
import { encodeJson, encodeProtobuf } from "./otlp_histograms.ts";
import { METER } from "./otlp_values.ts";
import { postOtlp } from "./post_otlp.ts";

/**
 * The pause after a first failure, milliseconds, and the longest one, as a multiple. Each is twice the one
 * before. With exports every five seconds at most every second one is left out.
 */
const BACKOFF_MS = 1_000;
const MAX_BACKOFF = 10;

/** How long the last export of a process may take, milliseconds, if the timeout allows more. */
const FLUSH_MS = 2_000;

/** See the module's doc. */
export class DurationsExporter {
  readonly #settings: ExporterSettings;
  readonly #backoffMs: number;
  readonly #histograms: DurationHistogram[] = [];
  #running: Promise<void> | undefined;
  #failures = 0;
  #notBefore = 0;
  /** Called with the first failure after a success. */
  onFailure: (reason: string) => void = () => {};

  constructor(settings: ExporterSettings, backoffMs = BACKOFF_MS) {
    this.#settings = settings;
    this.#backoffMs = backoffMs;
  }

  /** Exports a histogram from now on. */
  add(histogram: DurationHistogram): void {
    this.#histograms.push(histogram);
  }

  /** Begins an export, unless one is under way or the last ones have failed. Never throws. */
  export(): void {
    if (this.#running !== undefined || performance.now() < this.#notBefore) return;
    this.#running = this.#export(this.#settings.timeoutMs).finally(() => this.#running = undefined);
  }

  /** Exports for the last time, unless the collector has failed before. Never throws. */
  async flush(): Promise<void> {
    const timeoutMs = Math.min(this.#settings.timeoutMs, FLUSH_MS);
    const deadline = performance.now() + timeoutMs;
    if (this.#running !== undefined) await within(this.#running, timeoutMs);
    const left = deadline - performance.now();
    if (left > 0 && this.#failures === 0) await this.#export(left);
  }

  async #export(timeoutMs: number): Promise<void> {
    const histograms = this.#histograms.filter(({ recorded }) => recorded.length > 0);
    if (histograms.length === 0) return;
    const { json, resource } = this.#settings;
    const content = { resource, time: BigInt(Date.now()) * 1_000_000n, histograms };
    try {
      const body = json ? encodeJson(content) : encodeProtobuf(content);
      await postOtlp(this.#settings, body, timeoutMs);
      this.#failures = 0;
      this.#notBefore = 0;
    } catch (error) {
      this.#failures++;
      const pause = this.#backoffMs * Math.min(MAX_BACKOFF, 2 ** (this.#failures - 1));
      this.#notBefore = performance.now() + pause * (0.5 + Math.random() / 2);
      if (this.#failures === 1) this.onFailure(error instanceof Error ? error.message : "failed");
    }
  }
}

/**
 * The exporter of this process; null if Deno has to export histograms itself. That is slower, and happens
 * where {@link exporterSettings} says so, or without permission to read the variables or to connect.
 */
export const durationsExporter: DurationsExporter | null = (() => {
  const settings = exporterSettings(readVariable, "METRICS");
  if (settings === null || !mayConnect(settings.url)) return null;
  const exporter = new DurationsExporter(settings);
  // Deno calls this before each of its exports, and never when its telemetry or its metrics are off.
  metrics.getMeter(METER).addBatchObservableCallback(() => exporter.export(), []);
  return exporter;
})();
