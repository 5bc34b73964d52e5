/**
 * Network addresses as text: their canonical form, and lists of addresses and networks.
 *
 * @module
 */
import { BlockList, isIPv4, isIPv6 } from "node:net";

/** Whether an address, in canonical form, is in a list. */
export type AddressTest = (address: string) => boolean;

/**
 * Returns the canonical form of an address, so that one address is always the same text; null if the text
 * is not an address. An IPv4 address that is mapped into IPv6 becomes an IPv4 address. The result never
 * shares memory with a longer text that it was cut from.
 *
 * @example
 * ```ts
 * import { canonicalAddress } from "./address.ts";
 * import assert from "node:assert/strict";
 * assert.equal(canonicalAddress("::ffff:192.0.2.1"), "192.0.2.1");
 * assert.equal(canonicalAddress("2001:DB8:0:0::1"), "2001:db8::1");
 * assert.equal(canonicalAddress("unknown"), null);
 * ```
 */
export function canonicalAddress(text: string): string | null {
  if (isIPv4(text)) return text.split(".").map(Number).join(".");
  if (!isIPv6(text)) return null;
  // A zone ("fe80::1%eth0") has no meaning on another machine.
  const host = URL.parse(`http://[${text.split("%", 1)[0]}]`)?.hostname.slice(1, -1);
  if (host === undefined) return null;
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host);
  if (mapped === null) return host;
  return mapped.slice(1).map((part) => parseInt(part, 16))
    .flatMap((part) => [part >> 8, part & 255]).join(".");
}

/** Returns what is wrong with an address or a network such as `10.0.0.0/8`; undefined if nothing is. */
export function networkProblem(text: string): string | undefined {
  const [address = "", prefix, ...rest] = text.split("/");
  const bits = isIPv4(address) ? 32 : isIPv6(address) && !address.includes("%") ? 128 : 0;
  if (bits === 0 || rest.length > 0) return `${JSON.stringify(text)} is not an address or network`;
  if (prefix === undefined) return undefined;
  if (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits) return undefined;
  return `the network ${JSON.stringify(text)} must end with / and 0 to ${bits}`;
}

/** Makes the test for a list of addresses and networks that are as {@link networkProblem} demands. */
export function addressTest(list: readonly string[]): AddressTest {
  if (list.length === 0) return () => false;
  const networks = new BlockList();
  for (const text of list) {
    const [address = "", prefix] = text.split("/");
    const canonical = canonicalAddress(address)!;
    const family = isIPv4(canonical) ? "ipv4" : "ipv6";
    if (prefix === undefined) networks.addAddress(canonical, family);
    else {
      // A mapped network counts its bits from the start of the IPv6 address.
      const mapped = family === "ipv4" && !isIPv4(address) ? 96 : 0;
      networks.addSubnet(canonical, Math.max(0, Number(prefix) - mapped), family);
    }
  }
  return (address) => networks.check(address, isIPv4(address) ? "ipv4" : "ipv6");
}
