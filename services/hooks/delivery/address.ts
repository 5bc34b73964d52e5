/**
 * Where requests may go: not to addresses of local networks, unless the endpoint allows it. Each address to
 * which a connection is made is checked, so a name that resolves to another address later gains nothing. No I/O.
 *
 * @module
 */
import { BlockList, isIP } from "node:net";

const PRIVATE = new BlockList();
for (
  const [network, bits] of [
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
    ["172.16.0.0", 12],
    ["192.0.0.0", 24],
    ["192.0.2.0", 24],
    ["192.168.0.0", 16],
    ["198.18.0.0", 15],
    ["198.51.100.0", 24],
    ["203.0.113.0", 24],
    ["224.0.0.0", 3],
  ] as const
) PRIVATE.addSubnet(network, bits, "ipv4");
for (
  const [network, bits] of [
    ["::", 96],
    // Addresses that stand for those of IPv4.
    ["64:ff9b::", 96],
    ["64:ff9b:1::", 48],
    ["2002::", 16],
    ["2001::", 32],
    ["fc00::", 7],
    ["fe80::", 10],
    ["fec0::", 10],
    ["ff00::", 8],
    ["2001:db8::", 32],
  ] as const
) PRIVATE.addSubnet(network, bits, "ipv6");

/**
 * Whether an address is not one of the internet, or is none at all.
 *
 * @example
 * ```ts
 * import { isPrivateAddress } from "./address.ts";
 * import assert from "node:assert/strict";
 * assert.equal(isPrivateAddress("192.168.1.7"), true);
 * assert.equal(isPrivateAddress("::ffff:10.0.0.1"), true);
 * assert.equal(isPrivateAddress("93.184.216.34"), false);
 * ```
 */
export function isPrivateAddress(address: string): boolean {
  const plain = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  if (mapped !== undefined) return PRIVATE.check(mapped, "ipv4");
  const version = isIP(plain);
  if (version === 0) return true;
  // Written in hexadecimal, an IPv4 address in IPv6.
  if (version === 6 && /^::ffff:/i.test(plain)) return true;
  return PRIVATE.check(plain, version === 4 ? "ipv4" : "ipv6");
}
