/**
 * Answers calls of clients.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import * as z from "zod";
import {
  CallRequest,
  callSubject,
  describeIssue,
  MAX_CALL_TIMEOUT_MS,
  MAX_PAGE_BYTES,
} from "../../contract/mod.ts";
import { ConfigError } from "../config.ts";
import { EncodedReply } from "../encoded_reply.ts";
import { serve } from "../endpoints.ts";
import { FaultError } from "../fault_error.ts";
import type { Context } from "../hop.ts";
import { errorText } from "../log.ts";
import { idleDelay } from "../runtime.ts";
import { type AppParts, DRAIN_MS, requireNeed } from "./app_parts.ts";
import { type Caller, callerOf } from "./caller.ts";

/** Calls of one method that one instance answers at a time by default. */
const CONCURRENCY = 256;

/** A call of a client. */
export interface Call<Data> {
  /** What the client sent. */
  data: Data;
  /** Who calls. The gateway has verified the token, and that its claim `calls` allows the call. */
  caller: Caller;
  /** The trace of the call. What the handler sends belongs to it without being told. */
  context: Context;
  /** Aborted when the handler has taken too long. */
  signal: AbortSignal;
}

/** How a method is answered. */
export interface AnswerOptions<Data, Result> {
  /** What the client must send. A call without data has `null`, or nothing where `null` does not fit. */
  data: z.ZodType<Data>;
  /** What the handler must return. */
  result: z.ZodType<Result>;
  /** Calls answered at a time; further ones are refused with `unavailable`. Default: 256. */
  concurrency?: number;
  /** How long the handler may take, milliseconds. Default: 30,000. */
  timeoutMs?: number;
}

/** Answers `call.<service>.<method>`; see {@link App.answer}. */
export function answer<Data, Result>(
  parts: AppParts,
  method: string,
  options: AnswerOptions<Data, Result>,
  handle: (call: Call<Data>) => Result | Promise<Result>,
): void {
  requireNeed(parts, "calls", "app.answer");
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(method)) {
    throw new ConfigError(`app.answer: ${JSON.stringify(method)} is no name of a method`);
  }
  const { concurrency = CONCURRENCY, timeoutMs = MAX_CALL_TIMEOUT_MS } = options;
  const { declaration: { name }, bus, grants, handlers, log } = parts;
  const subject = callSubject(name, method);
  const endpoint = { subject, request: CallRequest, reply: z.unknown() };
  let running = 0;
  let idle = Promise.withResolvers<void>();
  const subscription = serve(bus, endpoint, name, async (request, { context }) => {
    if (running >= concurrency) {
      throw new FaultError("unavailable", "overloaded", 500 + Math.floor(Math.random() * 1_000));
    }
    const data = parseData(options.data, request.data);
    running++;
    try {
      const result = await handlers.run(context, timeoutMs, async (signal) => {
        return await handle({ data, caller: callerOf(request, grants), context, signal });
      });
      return encodeResult(options.result, result);
    } catch (error) {
      if (error instanceof FaultError) throw error;
      log.error("a call failed", { subject, error: errorText(error) }, context);
      throw new FaultError("service_failed");
    } finally {
      if (--running === 0) {
        idle.resolve();
        idle = Promise.withResolvers<void>();
      }
    }
  });
  parts.onDrain(async () => {
    subscription.unsubscribe();
    const late = idleDelay(DRAIN_MS);
    if (running > 0) await Promise.race([idle.promise, late]);
  });
}

function parseData<Data>(schema: z.ZodType<Data>, data: unknown): Data {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  if (data === null) {
    const absent = schema.safeParse(undefined);
    if (absent.success) return absent.data;
  }
  throw new FaultError("invalid_format", `data: ${describeIssue(parsed.error)}`);
}

/** The JSON of a result, which must match its schema and fit into a frame. */
function encodeResult<Result>(schema: z.ZodType<Result>, result: Result): EncodedReply {
  const parsed = schema.safeParse(result);
  if (!parsed.success) throw new Error(`wrong result: ${describeIssue(parsed.error)}`);
  const json = JSON.stringify(parsed.data) ?? "null";
  if (Buffer.byteLength(json) > MAX_PAGE_BYTES) {
    throw new FaultError("too_large", `the answer has more than ${MAX_PAGE_BYTES} bytes`);
  }
  return new EncodedReply(json);
}
