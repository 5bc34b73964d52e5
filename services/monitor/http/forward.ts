/**
 * Sends what monitor receives on to a collector, unchanged. Receiving never waits for it: what does not
 * fit into the queue is dropped, and counted.
 *
 * @module
 */
import { errorText, type Logger } from "../../kit/mod.ts";
import type { Signal } from "../otlp/decode.ts";

/** Most bytes and requests that wait. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_REQUESTS = 1_000;

/** How long the collector may take to answer, milliseconds. */
const TIMEOUT_MS = 10_000;

/** How often a request is tried, and how long after the first failure again, milliseconds; then doubled. */
const TRIES = 4;
const RETRY_MS = 500;

/** Statuses after which OTLP tells to try again. */
const RETRY: readonly number[] = [429, 502, 503, 504];

interface Waiting {
  signal: Signal;
  headers: Record<string, string>;
  body: Uint8Array<ArrayBuffer>;
}

/** A way to a collector. */
export interface Forwarder {
  /** Queues a request. */
  send(signal: Signal, headers: Record<string, string>, body: Uint8Array<ArrayBuffer>): void;
  /** Sends what waits, for as long as `deadlineMs`. */
  stop(deadlineMs: number): Promise<void>;
}

/**
 * Creates a way to the collector at `url`. `dropped` is called for each request that was not delivered.
 */
export function createForwarder(
  options: { url: string; headers?: string; log: Logger; dropped: () => void },
): Forwarder {
  const { log, dropped } = options;
  const base = options.url.replace(/\/$/, "");
  const given = parseHeaders(options.headers);
  const waiting: Waiting[] = [];
  let bytes = 0;
  let running: Promise<void> | undefined;
  let failing = false;
  const ending = new AbortController();

  const attempt = async ({ signal, headers, body }: Waiting): Promise<"done" | "again"> => {
    const response = await fetch(`${base}/v1/${signal}`, {
      method: "POST",
      headers: { ...given, ...headers },
      body,
      redirect: "error",
      signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ending.signal]),
    });
    await response.body?.cancel();
    if (response.ok) return "done";
    if (RETRY.includes(response.status)) return "again";
    throw new Error(`it answered ${response.status}`);
  };
  const deliver = async (one: Waiting): Promise<boolean> => {
    let reason = "";
    for (let tries = 1; tries <= TRIES && !ending.signal.aborted; tries++) {
      try {
        if (await attempt(one) === "done") return true;
        reason = "it is busy";
      } catch (error) {
        reason = errorText(error);
        if (reason.startsWith("it answered")) break;
      }
      const wait = RETRY_MS * 2 ** (tries - 1) * (1 + Math.random() / 2);
      if (tries < TRIES) await pause(wait, ending.signal);
    }
    // One line for each outage: monitor's own log lines are forwarded, too.
    if (!failing) log.warn("cannot forward telemetry to the collector", { url: base, reason });
    failing = true;
    return false;
  };
  const run = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
      if (await deliver(one)) {
        if (failing) log.info("forwarding telemetry to the collector again");
        failing = false;
      } else dropped();
      bytes -= one.body.length;
    }
    running = undefined;
  };
  return {
    send(signal, headers, body) {
      if (waiting.length >= MAX_REQUESTS || bytes + body.length > MAX_BYTES) return dropped();
      bytes += body.length;
      waiting.push({ signal, headers, body });
      running ??= run();
    },
    async stop(deadlineMs) {
      const timer = setTimeout(() => ending.abort(), deadlineMs);
      await running;
      clearTimeout(timer);
    },
  };
}

/** Parses `name=value,name=value`; the values are percent-encoded. */
function parseHeaders(text: string | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const part of text?.split(",") ?? []) {
    const at = part.indexOf("=");
    if (at <= 0) continue;
    const value = part.slice(at + 1).trim();
    try {
      found[part.slice(0, at).trim()] = decodeURIComponent(value);
    } catch {
      found[part.slice(0, at).trim()] = value;
    }
  }
  return found;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}
