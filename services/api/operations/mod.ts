/**
 * Every operation of the API, in the order of the documents.
 *
 * @module
 */
import { batchOf } from "./batch.ts";
import * as moderation from "./moderation.ts";
import type { AnyOperation } from "./operation.ts";
import * as publish from "./publish.ts";
import * as rooms from "./rooms.ts";
import * as users from "./users.ts";

const SINGLE: readonly AnyOperation[] = [
  publish.publish,
  publish.broadcast,
  publish.signal,
  publish.event,
  rooms.history,
  rooms.presence,
  users.connections,
  users.disconnect,
  moderation.kick,
  moderation.ban,
  moderation.unban,
  moderation.bans,
  moderation.revoke,
  moderation.unrevoke,
  moderation.revocations,
  moderation.erase,
  users.token,
  users.stats,
];

/** Every operation. */
export const OPERATIONS: readonly AnyOperation[] = [...SINGLE, batchOf(SINGLE)];
