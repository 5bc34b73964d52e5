/**
 * Who calls a service, and what it may do: what its token says, and what rooms says about the token.
 *
 * @module
 */
import {
  allowsCall,
  type CallRequest,
  type CallsClaim,
  type Grant,
  type Right,
  type RoomsClaim,
} from "../../contract/mod.ts";
import { FaultError } from "../fault_error.ts";
import type { Grants } from "./grants.ts";

/** Somebody who says something. */
export interface Sender {
  /** The user's id. */
  userId: string;
  /** The user's name. */
  username: string;
}

/** A user who calls, as its token says. */
export interface Caller extends Sender {
  /**
   * The claim `rooms` of its token; null if the token has none, and then the namespaces say what it may do.
   * Undefined if the gateway is of an earlier release.
   */
  readonly rooms?: RoomsClaim | null;
  /** The claim `calls` of its token. Undefined if the gateway is of an earlier release. */
  readonly calls?: CallsClaim;
  /**
   * Whether the user has a right in a room, as for a client: by its token, the room's namespace and bans.
   * The answer may be two seconds old.
   *
   * @throws {FaultError} `unavailable` if that cannot be known now
   */
  may(right: Right, room: string): Promise<boolean>;
  /** All that holds in a room for the user. Without rights it may not enter. Throws as {@link may}. */
  grant(room: string): Promise<Grant>;
  /** Whether the user may call a method of a service. Throws as {@link may}. */
  mayCall(service: string, method: string): boolean;
}

/** Makes the caller of a request. */
export function callerOf(request: Omit<CallRequest, "data">, grants: Grants): Caller {
  const { userId, username, rooms, calls } = request;
  const grant = async (room: string) => {
    if (rooms === undefined) throw unknownRights();
    return await grants.of({ room, claim: rooms, userId });
  };
  return {
    userId,
    username,
    rooms,
    calls,
    grant,
    may: async (right, room) => (await grant(room)).rights.includes(right),
    mayCall(service, method) {
      if (calls === undefined) throw unknownRights();
      return allowsCall(calls, service, method);
    },
  };
}

/** Only a gateway of an earlier release says nothing about rights. */
function unknownRights(): FaultError {
  return new FaultError("unavailable", "the gateway does not say what the caller may do", 1_000);
}
