/**
 * Runs something at intervals, in one instance each time: all instances publish the same tick to a stream,
 * and JetStream tells one of them that its tick is the first.
 *
 * @module
 */
import { HEADERS, scheduleSubject } from "../../contract/mod.ts";
import { createHeaders } from "../bus.ts";
import { ConfigError } from "../config.ts";
import { faultOf } from "../fault_error.ts";
import { type Context, natsAttributes, ROOT_CONTEXT, SpanKind, startHop } from "../hop.ts";
import { errorText } from "../log.ts";
import { StreamPublisher } from "../stream_publisher.ts";
import { processDurations } from "../telemetry/operation_durations.ts";
import { idleDelay } from "../runtime.ts";
import { type AppParts, DRAIN_MS, requireNeed } from "./app_parts.ts";
import { HANDLER_MS } from "./handlers.ts";

/** The shortest and the longest interval, milliseconds. */
const MIN_MS = 100;
const MAX_MS = 24 * 3_600_000;

/** One run of what a service does at intervals. */
export interface Tick {
  /** When it was due, milliseconds since 1970: a multiple of the interval. */
  due: number;
  /** The trace of this run. What it sends belongs to it without being told. */
  context: Context;
  /** Aborted when it has taken too long. */
  signal: AbortSignal;
}

/** How something is run at intervals. */
export interface EveryOptions {
  /** How long a run may take, milliseconds. Default: 20,000. */
  timeoutMs?: number;
}

/** Runs what a service does at intervals. */
export type Every = (
  ms: number,
  name: string,
  handle: (tick: Tick) => void | Promise<void>,
  options?: EveryOptions,
) => void;

/** Makes {@link App.every} of one service. */
export function createEvery(parts: AppParts): Every {
  const { bus, declaration: { name: service, needs }, log, handlers } = parts;
  if (!needs.includes("schedule")) return () => requireNeed(parts, "schedule", "app.every");
  const publisher = new StreamPublisher(bus, { maxPending: 64 });
  parts.onDrain(() => publisher.close());
  const names = new Set<string>();

  /** Whether this instance is the first to publish this tick. */
  const isFirst = async (name: string, due: number): Promise<boolean> => {
    const headers = createHeaders();
    headers.set(HEADERS.messageId, `${name}:${due}`);
    return await new Promise((resolve) => {
      const payload = JSON.stringify({ due });
      publisher.publish(scheduleSubject(service, name), payload, headers, (stored, failure) => {
        if (failure !== null) {
          log.warn("a tick is left out", { name, error: failure.message });
        }
        resolve(stored !== null && !stored.duplicate);
      });
    });
  };

  return (ms, name, handle, options = {}) => {
    if (!Number.isInteger(ms) || ms < MIN_MS || ms > MAX_MS) {
      throw new ConfigError(`app.every: expected ${MIN_MS} to ${MAX_MS} ms (got ${ms})`);
    }
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(name) || names.has(name)) {
      throw new ConfigError(`app.every: ${JSON.stringify(name)} is no new name of a schedule`);
    }
    names.add(name);
    const subject = scheduleSubject(service, name);
    const durations = processDurations(subject);
    let running: Promise<void> | undefined;
    let timer: ReturnType<typeof setTimeout>;

    const run = async (due: number) => {
      if (!await isFirst(name, due)) return;
      const hop = startHop(
        `process ${subject}`,
        SpanKind.CONSUMER,
        ROOT_CONTEXT,
        natsAttributes("process", subject),
      );
      const began = performance.now();
      let failure: string | undefined;
      try {
        await handlers.run(
          hop.context,
          options.timeoutMs ?? HANDLER_MS,
          (signal) => handle({ due, context: hop.context, signal }),
        );
      } catch (error) {
        failure = faultOf(error).code;
        log.error("a tick failed", { name, error: errorText(error) }, hop.context);
      }
      hop.end(failure);
      durations.record((performance.now() - began) / 1_000, failure);
    };
    const schedule = () => {
      const due = (Math.floor(Date.now() / ms) + 1) * ms;
      timer = setTimeout(() => {
        // Another instance may run a tick while this one is busy with an earlier one.
        running ??= run(due)
          .catch((error) => log.warn("a tick is left out", { name, error: errorText(error) }))
          .finally(() => running = undefined);
        schedule();
      }, due - Date.now());
    };
    schedule();
    parts.onDrain(async () => {
      clearTimeout(timer);
      const late = idleDelay(DRAIN_MS);
      await Promise.race([running, late]);
    });
  };
}
