/**
 * What an operation of the API is: a name, the scope that it needs, schemas, and what it does. Routes, batches
 * and the documents are made from these.
 *
 * @module
 */
import type * as z from "zod";
import { type ApiKey, type ApiScope, matchesRoom, type Namespace } from "../../contract/mod.ts";
import {
  type Bus,
  type Context,
  FaultError,
  faultOf,
  type Screener,
  type StreamPublisher,
} from "../../kit/mod.ts";
import type { Gateways } from "../gateways.ts";
import type { RecentSeqs } from "../recent_seqs.ts";

/** What operations work with. */
export interface Backend {
  bus: Bus;
  publisher: StreamPublisher;
  screener: Screener;
  namespaces: readonly Namespace[];
  gateways: Gateways;
  /** The last seqs that were stored by this process, by room. */
  recent: RecentSeqs;
  /** Is told of each use of an operation; `refusal` is the error code if it was refused. */
  used(operation: AnyOperation, call: Call, refusal?: string): void;
}

/** One request, or one operation of a batch. */
export interface Call {
  key: ApiKey;
  /** The trace that the operation belongs to. */
  context: Context;
  /** When the request was read, by a monotonic clock in milliseconds. */
  receivedAt: number;
  /** How long the operation may still take, milliseconds; at least 1. */
  timeLeft(): number;
  /** Aborted when the request was answered with `timeout`. */
  over: AbortSignal;
  /** An id that is the same whenever the request is repeated; undefined without Idempotency-Key. */
  idempotentId?: string;
}

/** One operation. */
export interface Operation<Request, Reply> {
  /** Its route is `POST /v1/<name>`. */
  name: string;
  /** What a key needs to use it; null if that depends on the request. */
  scope: ApiScope | null;
  /** One line. */
  summary: string;
  /** What else there is to know. */
  description?: string;
  request: z.ZodType<Request>;
  reply: z.ZodType<Reply>;
  /** A request for the documents. */
  example: object;
  /** Whether it changes nothing; false by default. */
  reads?: boolean;
  /** Whether `batch` may hold it; true by default. */
  batched?: boolean;
  /** How many operations it counts as; 1 by default. */
  cost?(request: Request): number;
  /**
   * The rooms that it is about; undefined if it reaches beyond rooms, which a key with rooms may not.
   * Without this the operation itself checks the rooms.
   */
  rooms?(request: Request): readonly string[] | undefined;
  /** Does it. Throws a FaultError if it is refused. */
  run(request: Request, call: Call, backend: Backend): Promise<Reply>;
}

/** An operation of any request and reply. */
// deno-lint-ignore no-explicit-any
export type AnyOperation = Operation<any, any>;

/** Declares an operation. */
export function operation<Request, Reply>(
  declared: Operation<Request, Reply>,
): Operation<Request, Reply> {
  return declared;
}

/** Returns whether a key may do something in a room. */
export function mayUseRoom(key: ApiKey, room: string): boolean {
  return key.rooms === undefined || key.rooms.some((pattern) => matchesRoom(pattern, room));
}

/**
 * Checks that a key has the scope of an operation.
 *
 * @throws {FaultError} `forbidden` if it has not
 */
export function requireScope({ scope }: AnyOperation, key: ApiKey): void {
  if (scope === null || key.scopes.includes(scope)) return;
  throw new FaultError("forbidden", `the key lacks the scope ${scope}`);
}

/**
 * Checks that a key may do an operation.
 *
 * @throws {FaultError} `forbidden` if it may not
 */
function requireAllowed(operation: AnyOperation, request: unknown, key: ApiKey): void {
  requireScope(operation, key);
  if (key.rooms === undefined || operation.rooms === undefined) return;
  const rooms = operation.rooms(request);
  if (rooms === undefined) {
    throw new FaultError("forbidden", "a key that is limited to rooms may not do this");
  }
  for (const room of rooms) {
    if (!mayUseRoom(key, room)) throw new FaultError("forbidden", `the key may not use ${room}`);
  }
}

/**
 * Does an operation, if the key may do it.
 *
 * @throws {FaultError} if it is refused
 */
export async function runOperation(
  operation: AnyOperation,
  request: unknown,
  call: Call,
  backend: Backend,
): Promise<unknown> {
  try {
    requireAllowed(operation, request, call.key);
    const reply = await operation.run(request, call, backend);
    backend.used(operation, call);
    return reply;
  } catch (error) {
    backend.used(operation, call, faultOf(error).code);
    throw error;
  }
}
