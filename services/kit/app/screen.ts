/**
 * Screens messages of clients before they are stored, where a namespace names the service.
 *
 * @module
 */
import { type ScreenedMessage, screenEndpoint, type Verdict } from "../../contract/mod.ts";
import { serve } from "../endpoints.ts";
import { FaultError } from "../fault_error.ts";
import type { Context } from "../hop.ts";
import { type AppParts, requireNeed } from "./app_parts.ts";

/** Messages that one instance screens at a time. A gateway asks about 64 of each room at most. */
const CONCURRENCY = 4_096;

/** How long a handler may take, milliseconds. What counts is the `timeoutMs` of the namespace. */
const TIMEOUT_MS = 10_000;

/** A message that is to be screened. */
export interface Screened extends ScreenedMessage {
  /** The trace of the message. */
  context: Context;
  /** Aborted when the handler has taken too long. */
  signal: AbortSignal;
}

/** Says what to do with a message. */
export type ScreenHandler = (message: Screened) => Verdict | Promise<Verdict>;

/** Answers `screen.<service>`. A handler that throws says nothing: the namespace decides then. */
export function screen(parts: AppParts, handle: ScreenHandler): void {
  requireNeed(parts, "screen", "app.screen");
  const { bus, declaration: { name }, handlers } = parts;
  let running = 0;
  const subscription = serve(bus, screenEndpoint(name), name, async (message, { context }) => {
    if (running >= CONCURRENCY) throw new FaultError("unavailable", "overloaded", 1_000);
    running++;
    try {
      return await handlers.run(
        context,
        TIMEOUT_MS,
        (signal) => handle({ ...message, context, signal }),
      );
    } finally {
      running--;
    }
  });
  parts.onDrain(() => subscription.unsubscribe());
}
