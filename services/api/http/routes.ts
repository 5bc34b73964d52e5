/**
 * The routes: every operation passes the same checks, in the same order, before it is done.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Hono } from "hono";
import { describeIssue, fault } from "../../contract/mod.ts";
import { errorText, FaultError, faultOf, type Logger } from "../../kit/mod.ts";
import type { Keyring } from "../keys/keyring.ts";
import { OPERATIONS } from "../operations/mod.ts";
import {
  type AnyOperation,
  type Backend,
  type Call,
  requireScope,
  runOperation,
} from "../operations/operation.ts";
import { StateError } from "../operations/state_error.ts";
import { answerFault, answerJson } from "./answers.ts";
import { parseBody, readBody } from "./body.ts";
import { IDEMPOTENCY_HEADER, REPLAYED_HEADER } from "./headers.ts";
import { IDEMPOTENCY_KEY, type Repetitions } from "./idempotency.ts";
import type { Limits } from "./limits.ts";
import { sealOf } from "./sealed.ts";
import type { SharedAnswers } from "./shared_answers.ts";
import { traceRequest } from "./telemetry.ts";

/** See {@link handle}. */
const MARGIN_MS = 250;

/** What the routes need. */
export interface RouteDeps {
  keyring: Keyring;
  limits: Limits;
  repetitions: Repetitions;
  maxBodyBytes: number;
  deadlineMs: number;
  log: Logger;
  /** Undefined before the service is connected, and while it stops. */
  backend(): Backend | undefined;
  /** Undefined as long as the backend is. */
  answers(): SharedAnswers | undefined;
}

/** Adds a route for each operation, and answers to all other requests. */
export function addRoutes(app: Hono, deps: RouteDeps): void {
  for (const operation of OPERATIONS) {
    const route = `/v1/${operation.name}`;
    app.post(route, (c) => handle(operation, route, c.req.raw, deps));
    app.all(route, () => {
      const refusal = fault("invalid_format", "operations are POST requests");
      return answerFault(refusal, { allow: "POST" }, 405);
    });
  }
  app.notFound(() => answerFault(fault("unknown_type", "no such path"), {}, 404));
  app.onError((error) => {
    deps.log.error("a request failed", { error: errorText(error) });
    return answerFault(fault("unavailable", undefined, 1_000));
  });
}

async function handle(
  operation: AnyOperation,
  route: string,
  request: Request,
  deps: RouteDeps,
): Promise<Response> {
  const receivedAt = performance.now();
  const span = traceRequest(route, request, receivedAt);
  const end = performance.now() + deps.deadlineMs;
  // A little longer than the request, so that what runs out is the request's time and not a service's.
  const timeLeft = () => Math.max(1, Math.floor(end + MARGIN_MS - performance.now()));
  const over = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new FaultError("timeout", undefined, 1_000));
      over.abort();
    }, deps.deadlineMs);
  });
  let release = () => {};
  let status = 200;
  let code: string | undefined;
  const serve = async (): Promise<Response> => {
    const key = deps.keyring.authenticate(request.headers.get("authorization") ?? undefined);
    requireScope(operation, key);
    const backend = deps.backend();
    if (backend === undefined) throw new FaultError("unavailable", undefined, 1_000);
    release = deps.limits.begin(key);
    deps.limits.take(key, 1);
    const call = { key, context: span.context, receivedAt, timeLeft, over: over.signal };
    return await execute(operation, request, call, backend, deps, over.signal);
  };
  try {
    const serving = serve();
    // What goes on after the deadline must not be unhandled, and counts as in progress until it ends.
    void serving.catch(() => {}).finally(() => release());
    const response = await Promise.race([serving, late]);
    for (const [name, value] of Object.entries(span.headers)) response.headers.set(name, value);
    return response;
  } catch (error) {
    if (!(error instanceof FaultError)) {
      const fields = { operation: operation.name, error: errorText(error) };
      deps.log.error("an operation failed", fields, span.context);
    }
    const refusal = faultOf(error);
    const response = answerFault(
      refusal,
      span.headers,
      error instanceof StateError ? error.status : undefined,
    );
    ({ status } = response);
    code = refusal.code;
    return response;
  } finally {
    clearTimeout(timer);
    span.end(status, code);
  }
}

/** Reads, checks and does the operation of an authenticated request. */
async function execute(
  operation: AnyOperation,
  http: Request,
  call: Call,
  backend: Backend,
  { limits, maxBodyBytes, repetitions, answers }: RouteDeps,
  signal: AbortSignal,
): Promise<Response> {
  const text = await readBody(http, maxBodyBytes, signal);
  const parsed = operation.request.safeParse(parseBody(text));
  if (!parsed.success) throw new FaultError("invalid_format", describeIssue(parsed.error));
  const request = parsed.data;
  const cost = operation.cost?.(request) ?? 1;
  if (cost > 1) limits.charge(call.key, cost - 1);
  const given = http.headers.get(IDEMPOTENCY_HEADER);
  if (given === null) {
    return answerJson(JSON.stringify(await runOperation(operation, request, call, backend)));
  }
  if (!IDEMPOTENCY_KEY.test(given)) {
    throw new FaultError("invalid_format", "Idempotency-Key: expected 1 to 255 visible characters");
  }
  const name = `${call.key.id} ${operation.name} ${given}`;
  const idempotentId = createHash("sha256").update(name).digest("base64url");
  const fingerprint = createHash("sha256").update(text).digest("base64url");
  const run = async () =>
    JSON.stringify(await runOperation(operation, request, { ...call, idempotentId }, backend));
  const seal = sealOf(http.headers.get("authorization")!, name);
  const { answer, replayed } = await repetitions.once(
    name,
    fingerprint,
    // What only reads may be done again, by another instance.
    async () =>
      operation.reads
        ? { answer: await run(), replayed: false }
        : await answers()!.once({ name, fingerprint, seal, timeLeft: call.timeLeft }, run),
  );
  return answerJson(answer, 200, replayed ? { [REPLAYED_HEADER]: "true" } : {});
}
