/**
 * Which address a client has. A proxy's connections come from the proxy's address, and the proxy tells the
 * client's in a header. Anybody can send such a header, so only what a trusted proxy added counts.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { type AddressTest, canonicalAddress } from "./address.ts";

/** The headers in which proxies tell addresses. */
export const FORWARDED_HEADERS = ["x-forwarded-for", "forwarded"] as const;
/** One of {@link FORWARDED_HEADERS}. */
export type ForwardedHeader = typeof FORWARDED_HEADERS[number];

/** The address of a client whose socket has closed already. */
const UNKNOWN = "unknown";

/**
 * Returns the address of a client: that of its connection, unless that belongs to a trusted proxy. Then
 * the header is read from its end, because each proxy appends the address that it got the request from.
 * The first address that is not a trusted proxy's is the client's. What stands before it is the client's
 * own claim.
 *
 * @example
 * ```ts
 * import { clientAddress } from "./client_address.ts";
 * import assert from "node:assert/strict";
 * const trusted = (address: string) => address.startsWith("10.");
 * const header = "203.0.113.9, 198.51.100.7, 10.0.0.2";
 * assert.equal(clientAddress("10.0.0.1", header, "x-forwarded-for", trusted), "198.51.100.7");
 * assert.equal(clientAddress("192.0.2.1", header, "x-forwarded-for", trusted), "192.0.2.1");
 * ```
 */
export function clientAddress(
  connection: string,
  header: string | undefined,
  kind: ForwardedHeader,
  isTrusted: AddressTest,
): string {
  let address = connection;
  let rest = header;
  while (rest !== undefined && isTrusted(address)) {
    const comma = rest.lastIndexOf(",");
    const element = rest.slice(comma + 1).trim();
    rest = comma < 0 ? undefined : rest.slice(0, comma);
    const node = kind === "forwarded" ? forOf(element) : element;
    const next = canonicalAddress(withoutPort(node));
    // An obfuscated or broken element: what stands before it cannot be trusted.
    if (next === null) return address;
    address = next;
  }
  return address;
}

/** Returns the value of `for` in one element of a `Forwarded` header (RFC 7239); empty if it has none. */
function forOf(element: string): string {
  const value = /(?:^|;)\s*for\s*=\s*(?:"([^"\\]*)"|([^\s;"]+))/i.exec(element);
  return value?.[1] ?? value?.[2] ?? "";
}

/** Removes a port, and the brackets that an IPv6 address with a port has. */
function withoutPort(node: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(node);
  if (bracketed !== null) return bracketed[1]!;
  return node.replace(/^([\d.]+):\d{1,5}$/, "$1");
}

/** The addresses of a gateway's clients. */
export interface ClientAddresses {
  /** Returns the address of the client that sent a request, in canonical form. */
  of(request: Pick<IncomingMessage, "socket" | "headers">): string;
  /** Sets the address that a connection comes from, as its PROXY header told it. */
  setSource(socket: Socket, address: string): void;
}

/** Makes the reader of addresses. */
export function createClientAddresses(
  isTrusted: AddressTest,
  kind: ForwardedHeader,
): ClientAddresses {
  // By the proxy's address and port, because the socket of TLS is another one than that of TCP.
  const sources = new Map<string, string>();
  const keyOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;
  return {
    of({ socket, headers }) {
      const { remoteAddress = "" } = socket;
      const source = sources.size === 0 ? undefined : sources.get(keyOf(socket));
      const connection = source ?? canonicalAddress(remoteAddress) ?? UNKNOWN;
      const value = headers[kind];
      return clientAddress(
        connection,
        Array.isArray(value) ? value.join() : value,
        kind,
        isTrusted,
      );
    },
    setSource(socket, address) {
      const key = keyOf(socket);
      sources.set(key, address);
      socket.once("close", () => sources.delete(key));
    },
  };
}
