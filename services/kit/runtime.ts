/**
 * What the kit takes from the runtime: Deno, in which Hopwire runs, or Node, in which services of others may
 * run with the package of the kit.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import process from "node:process";

/** Deno; undefined in Node. */
const deno = "Deno" in globalThis ? Deno : undefined;

/** What runs this, in the terms of OpenTelemetry. */
export const RUNTIME: Readonly<{ name: string; version: string; language: string }> =
  deno === undefined
    ? { name: "nodejs", version: process.versions.node, language: "nodejs" }
    : { name: "deno", version: deno.version.deno, language: "deno-js" };

/** Whether this process has a permission. Nobody is asked for it. In Node it has every one. */
export function isAllowed(
  permission: { name: "env"; variable: string } | { name: "net"; host: string },
): boolean {
  return deno === undefined || deno.permissions.querySync(permission).state === "granted";
}

/** Returns a variable of the environment. */
export function variable(name: string): string | undefined {
  return deno === undefined ? process.env[name] : deno.env.get(name);
}

/** Ends the process. */
export function exit(code: number): never {
  return deno === undefined ? process.exit(code) : deno.exit(code);
}

/** Calls a function for each signal of this kind. */
export function onSignal(signal: "SIGTERM" | "SIGINT", callback: () => void): void {
  if (deno === undefined) process.on(signal, callback);
  else deno.addSignalListener(signal, callback);
}

/** What a listener for uncaught errors gets. */
interface UncaughtError {
  error?: { code?: string };
  preventDefault(): void;
}

/**
 * Lets the process live when a connection is reset that nobody listens to any more. In Deno the socket of a NATS
 * server that refuses a user may fail after the library has let go of it, and that would end the process before
 * it has told the reason. In Node it does not happen.
 */
export function tolerateResets(): void {
  if (deno === undefined) return;
  const listen = globalThis.addEventListener as unknown as (
    type: "error",
    listener: (event: UncaughtError) => void,
  ) => void;
  listen("error", (event) => {
    if (event.error?.code === "ECONNRESET") event.preventDefault();
  });
}

/** Reads a text file. Throws if it cannot be read. */
export function readText(path: string): string {
  return deno === undefined ? readFileSync(path, "utf8") : deno.readTextFileSync(path);
}

/** Lets the process end although a timer waits. */
export function unref(timer: unknown): void {
  if (deno !== undefined) deno.unrefTimer(timer as number);
  else (timer as { unref(): void }).unref();
}

/** Resolves after so many milliseconds. It does not keep the process running. */
export function idleDelay(ms: number): Promise<void> {
  return new Promise((resolve) => unref(setTimeout(resolve, ms)));
}

/** Where an HTTP server listens. */
export interface Listening {
  hostname: string;
  port: number;
}

/**
 * Serves HTTP without bodies of requests. Returns a function that stops, when requests under way are
 * answered. Throws if the address is in use. `onFailure` is told why no connection can be accepted any more;
 * then this listens again.
 */
export async function serveHttp(
  { hostname, port }: Listening,
  handle: (request: Request) => Response | Promise<Response>,
  { onListen, onFailure }: {
    onListen: (where: Listening) => void;
    onFailure: (error: unknown) => void;
  },
): Promise<() => void> {
  if (deno !== undefined) {
    return serveWithDeno(deno, { hostname, port, onListen }, handle, onFailure);
  }
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      const url = new URL(request.url ?? "/", "http://localhost");
      const answered = await handle(new Request(url, { method: request.method }));
      response.writeHead(answered.status, Object.fromEntries(answered.headers));
      response.end(Buffer.from(await answered.arrayBuffer()));
    } catch {
      response.writeHead(500).end();
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, resolve);
  });
  onListen({ hostname, port: (server.address() as { port: number }).port });
  return () => void server.close();
}

/** How long after a connection could not be accepted this listens again, milliseconds; up to twice that. */
const LISTEN_AGAIN_MS = 250;

/**
 * Serves with Deno, which ends a server for good when it cannot accept a connection, for example because the
 * process has no file descriptor left.
 */
function serveWithDeno(
  { serve }: typeof Deno,
  options: Listening & { onListen: (where: Listening) => void },
  handle: (request: Request) => Response | Promise<Response>,
  onFailure: (error: unknown) => void,
): () => void {
  let stopped = false;
  let server = serve(options, handle);
  // The port that the system chose, if it was to choose.
  const { port } = server.addr as Deno.NetAddr;
  const listenAgain = async (error: unknown) => {
    if (!stopped) onFailure(error);
    while (!stopped) {
      await idleDelay(LISTEN_AGAIN_MS * (1 + Math.random()));
      if (stopped) return;
      try {
        server = serve({ ...options, port }, handle);
        return follow();
      } catch {
        // The next attempt may have a file descriptor.
      }
    }
  };
  const follow = () => void server.finished.catch(listenAgain);
  follow();
  return () => {
    stopped = true;
    void server.shutdown().catch(() => {});
  };
}

/** Whether an error says that an address is in use. */
export function isAddressInUse(error: unknown): boolean {
  const { name, code } = error as { name?: string; code?: string };
  return name === "AddrInUse" || code === "EADDRINUSE";
}
