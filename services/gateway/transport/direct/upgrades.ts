/**
 * Takes the usual WebSocket handshakes out of an HTTP server's connections, before node:http reads them.
 * A connection's first bytes decide: a complete handshake for the gateway goes the direct way, and
 * everything else goes to node:http as if nobody had read it. The direct way takes an eighth of the
 * gateway's CPU from a join, and a quarter from the memory of an idle connection.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { DIRECT_READS, readOnce } from "./stream_reads.ts";
import { readUpgradeHead, type UpgradeHead } from "./upgrade_head.ts";

/** How often silent connections are looked for, milliseconds. Shorter if their deadline is. */
const CHECK_MS = 1_000;

/** The direct way into a server. */
export interface DirectUpgrades {
  /**
   * Takes a handshake; `first` is what has arrived behind it. Returns false to leave it to node:http. Null
   * until the gateway has started.
   */
  accept: ((head: UpgradeHead, socket: Socket, first: Buffer) => boolean) | null;
  /** Ends the deadlines of silent connections. */
  stop(): void;
}

/**
 * Opens the direct way into a server that has no connections yet. `timeout` is how long a connection may
 * be silent at first, milliseconds. Returns null, and changes nothing, if this runtime has no such way.
 */
export function takeUpgrades(server: Server, timeout: number): DirectUpgrades | null {
  if (!DIRECT_READS) return null;
  const http = server.listeners("connection");
  const upgrades: DirectUpgrades = { accept: null, stop: () => clearInterval(timer) };
  /** Connections that have sent nothing, with the time at which they opened; oldest first. */
  const silent = new Map<Socket, number>();

  const toHttp = (socket: Socket, first: Buffer | null) => {
    for (const listener of http) listener.call(server, socket);
    // At once: node:http reads from the handle itself, past what waits in the stream.
    if (first !== null) socket.emit("data", first);
  };
  const decide = (socket: Socket, first: Buffer | null) => {
    silent.delete(socket);
    if (first === null || socket.destroyed) return void socket.destroy();
    const head = upgrades.accept === null ? null : readUpgradeHead(first);
    if (head !== null && upgrades.accept!(head, socket, first.subarray(head.length))) return;
    toHttp(socket, first);
  };
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    // What follows a PROXY header may have been read with it.
    if (socket.readableLength > 0) return decide(socket, socket.read());
    if (!readOnce(socket, (first) => decide(socket, first))) return toHttp(socket, null);
    silent.set(socket, performance.now());
  });

  const timer = setInterval(() => {
    const oldest = performance.now() - timeout;
    for (const [socket, since] of silent) {
      if (since > oldest) return;
      silent.delete(socket);
      socket.destroy();
    }
  }, Math.min(CHECK_MS, timeout));
  Deno.unrefTimer(timer as unknown as number);
  return upgrades;
}
