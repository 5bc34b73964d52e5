/**
 * Sends a request of OTLP to the collector.
 *
 * @module
 */
import { context } from "@opentelemetry/api";
import { contextOf } from "../hop.ts";
import type { ExporterSettings } from "./exporter_settings.ts";

/** Deno makes a span of every request, but not below one that is not sampled. */
const UNSAMPLED = contextOf("00-00000000000000000000000000000001-0000000000000001-00");

/**
 * Sends a request: text is JSON, bytes are protobuf.
 *
 * @throws {Error} if the collector cannot be reached, does not take it, or takes longer than `timeoutMs`
 */
export async function postOtlp(
  { url, headers }: ExporterSettings,
  body: string | Uint8Array<ArrayBuffer>,
  timeoutMs: number,
): Promise<void> {
  const all = new Headers(headers);
  const type = typeof body === "string" ? "application/json" : "application/x-protobuf";
  all.set("content-type", type);
  const response = await context.with(UNSAMPLED, () =>
    fetch(url, {
      method: "POST",
      headers: all,
      body,
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    }));
  await response.body?.cancel();
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
}
