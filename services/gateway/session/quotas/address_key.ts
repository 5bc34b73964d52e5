/**
 * Which addresses share an account. No I/O.
 *
 * @module
 */

/** Parts of an IPv6 address that name a network: a single client has all addresses of its /64. */
const NETWORK_PARTS = 4;

/**
 * Returns the key of an address's account: the address itself, and for IPv6 its /64. An IPv4 address that
 * is mapped to IPv6 counts as IPv4.
 *
 * @example
 * ```ts
 * import { addressKey } from "./address_key.ts";
 * import assert from "node:assert/strict";
 * assert.equal(addressKey("192.0.2.1"), "192.0.2.1");
 * assert.equal(addressKey("::ffff:192.0.2.1"), "192.0.2.1");
 * assert.equal(addressKey("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
 * assert.equal(addressKey("2001:db8::6"), "2001:db8:0:0::/64");
 * ```
 */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1]!;
  if (!address.includes(":")) return address;
  const [left, right] = address.split("::") as [string, string | undefined];
  const parts = left === "" ? [] : left.split(":");
  if (right !== undefined) {
    const rest = right === "" ? 0 : right.split(":").length;
    while (parts.length + rest < 8) parts.push("0");
  }
  return `${parts.slice(0, NETWORK_PARTS).join(":")}::/64`;
}
