/**
 * How spans name users.
 *
 * @module
 */
import { hash } from "node:crypto";
import type { Identity } from "../../../contract/mod.ts";

/** Whether spans name users by their ids, by hashes of them, or not at all. */
export type UserIdsInTraces = "plain" | "hashed" | "off";

/** Hexadecimal digits of a hash: 64 bits tell users apart. */
const DIGITS = 16;

/** Makes the function that returns the attributes which name a user. */
export function createTracedUser(
  mode: UserIdsInTraces,
): (identity: Identity) => Record<string, string> {
  // One per identity: a hash for each message would cost microseconds on the message path.
  const known = new WeakMap<Identity, Record<string, string>>();
  return (identity) => {
    let attributes = known.get(identity);
    if (attributes === undefined) {
      const { userId } = identity;
      attributes = mode === "off"
        ? {}
        : { "enduser.id": mode === "plain" ? userId : hash("sha256", userId).slice(0, DIGITS) };
      known.set(identity, attributes);
    }
    return attributes;
  };
}
