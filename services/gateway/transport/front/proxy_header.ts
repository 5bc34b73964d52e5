/**
 * The PROXY protocol, version 2: a load balancer that forwards TCP connections sends, before anything
 * else, a binary header with the address of the client
 * (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { type AddressTest, canonicalAddress } from "./address.ts";

const SIGNATURE = Buffer.from([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]);

/** Length of the fixed part: signature, version and command, family, length of the rest. */
const FIXED_BYTES = 16;

/** Largest rest that is accepted, bytes. Addresses take 216 at most; extensions may follow. */
const MAX_REST_BYTES = 2_048;

/** Version 2 with the commands LOCAL (the proxy's own connection, a health check) and PROXY. */
const [LOCAL, PROXY] = [0x20, 0x21];

/** The families that TCP connections have: IPv4 and IPv6. Where the source begins is the same. */
const SOURCE_BYTES: Record<number, number> = { 0x11: 4, 0x21: 16 };

/**
 * Returns the length of the rest of a header, given its fixed part; null if it is no header, or one that is
 * too long.
 */
export function restLength(fixed: Uint8Array): number | null {
  if (fixed.length < FIXED_BYTES || !SIGNATURE.equals(fixed.subarray(0, 12))) return null;
  const length = fixed[14]! << 8 | fixed[15]!;
  return length <= MAX_REST_BYTES ? length : null;
}

/**
 * Returns the client's address from a complete header. `own` means the proxy's own connection or an
 * unspecified source: the address of the connection holds. Null if the header is invalid.
 */
export function sourceOf(fixed: Uint8Array, rest: Uint8Array): string | "own" | null {
  const [command, family] = [fixed[12]!, fixed[13]!];
  if (command === LOCAL) return "own";
  if (command !== PROXY) return null;
  if (family === 0) return "own";
  const bytes = SOURCE_BYTES[family];
  // Source and destination, and their ports.
  if (bytes === undefined || rest.length < 2 * bytes + 4) return null;
  const source = rest.subarray(0, bytes);
  if (bytes === 4) return canonicalAddress(source.join("."));
  const groups = Array.from({ length: 8 }, (_, i) => source[2 * i]! << 8 | source[2 * i + 1]!);
  return canonicalAddress(groups.map((group) => group.toString(16)).join(":"));
}

/** How {@link requireProxyHeader} decides and reports. */
export interface ProxyHeaderOptions {
  /** Whose connections must begin with a header. All others are direct ones and must not. */
  isTrusted: AddressTest;
  /** How long the header may take, milliseconds. */
  timeout: number;
  /** The source of a connection became known. */
  onSource(socket: Socket, address: string): void;
  /** A connection of a trusted proxy was closed: it sent no valid header in time. */
  onRefused(socket: Socket, problem: string): void;
}

/**
 * Makes a server read the header of each connection from a trusted proxy before it reads anything else. On
 * direct connections a header is what it looks like to HTTP and TLS: an invalid request.
 */
export function requireProxyHeader(server: Server, options: ProxyHeaderOptions): void {
  const accept = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const accepted = () => {
      for (const listener of accept) listener.call(server, socket);
    };
    const address = canonicalAddress(socket.remoteAddress ?? "");
    if (address === null || !options.isTrusted(address)) return accepted();
    readHeader(socket, options, accepted);
  });
}

/** Reads the header and calls `accepted`, or closes the connection. */
function readHeader(socket: Socket, options: ProxyHeaderOptions, accepted: () => void): void {
  let fixed: Buffer | null = null;
  let length = 0;
  const stop = () => {
    clearTimeout(timer);
    socket.off("readable", read);
    socket.off("close", stop);
  };
  const refuse = (problem: string) => {
    stop();
    options.onRefused(socket, problem);
    socket.destroy();
  };
  const timer = setTimeout(() => refuse("no header in time"), options.timeout);
  const read = () => {
    if (fixed === null) {
      fixed = socket.read(FIXED_BYTES);
      if (fixed === null) return;
      const rest = restLength(fixed);
      if (rest === null) return refuse("not a header of version 2, or one that is too long");
      length = rest;
    }
    const rest: Buffer | null = length === 0 ? Buffer.alloc(0) : socket.read(length);
    if (rest === null) return;
    const source = rest.length < length ? null : sourceOf(fixed, rest);
    if (source === null) return refuse("an invalid header");
    stop();
    if (source !== "own") options.onSource(socket, source);
    accepted();
  };
  // Until the server has the socket, nobody else listens to its errors.
  socket.on("error", () => {});
  socket.on("close", stop);
  socket.on("readable", read);
}
