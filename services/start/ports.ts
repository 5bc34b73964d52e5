/**
 * Ports: which are free, and how an address is shown.
 *
 * @module
 */
import { errorText } from "../kit/mod.ts";

/**
 * Checks that a port is free.
 *
 * @throws {Error} one line that names the port and the variable that sets it
 */
export function requireFreePort(hostname: string, port: number, variable: string): void {
  try {
    Deno.listen({ hostname, port }).close();
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new Error(`port ${port} is in use: stop the process that uses it, or set ${variable}`);
    }
    throw new Error(`cannot listen on ${hostname}:${port} (${variable}): ${errorText(error)}`);
  }
}

/** Returns a port that is free now. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

/** Returns the host to connect to for a server that listens on `host`. */
export function reachableHost(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}
