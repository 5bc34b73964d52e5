/**
 * A proxy between clients and gateways. It distributes connections round-robin. It can refuse
 * WebSocket, buffer responses, fall silent, or cut all connections.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, request as ask, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { freePort } from "./ports.ts";

/** How a proxy treats traffic. */
export interface ProxyMode {
  /** Whether the proxy accepts WebSocket upgrades. */
  webSocket: boolean;
  /** Whether the proxy buffers responses until they are complete. */
  buffering: boolean;
  /** Whether the proxy drops all traffic, without closing connections. */
  silent: boolean;
}

/** A running proxy. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  readonly mode: ProxyMode;
  /** The number of requests so far, by path. */
  readonly requests: Record<string, number>;
  /** Closes every connection. */
  cut(): void;
}

/** Starts a proxy in front of the gateways at these ports. */
export async function startProxy(ports: readonly number[]): Promise<Proxy> {
  const mode: ProxyMode = { webSocket: true, buffering: false, silent: false };
  const requests: Record<string, number> = {};
  const sockets = new Set<Duplex>();
  let turn = 0;
  const next = () => ports[turn++ % ports.length]!;
  const count = (request: IncomingMessage) => {
    const path = request.url!.split("?")[0]!;
    requests[path] = (requests[path] ?? 0) + 1;
  };
  const keep = (socket: Duplex) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    count(request);
    if (mode.silent) return;
    const { method, url, headers } = request;
    const back = ask({ host: "127.0.0.1", port: next(), method, path: url, headers }, (answer) => {
      answer.on("error", () => response.destroy());
      if (!mode.buffering) {
        response.writeHead(answer.statusCode!, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        return;
      }
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("end", () => {
        response.writeHead(answer.statusCode!, answer.headers);
        response.end(Buffer.concat(parts));
      });
    });
    back.on("error", () => response.destroy());
    response.on("close", () => back.destroy());
    request.pipe(back);
  });
  server.on("connection", keep);
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    count(request);
    if (!mode.webSocket) {
      socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    const back: Socket = connect(next(), "127.0.0.1", () => {
      const lines = [`${request.method} ${request.url} HTTP/1.1`];
      for (let i = 0; i < request.rawHeaders.length; i += 2) {
        lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
      }
      back.write(`${lines.join("\r\n")}\r\n\r\n`);
      back.write(head);
      back.on("data", (data) => mode.silent || socket.write(data));
      socket.on("data", (data) => mode.silent || back.write(data));
    });
    keep(back);
    back.on("close", () => socket.destroy());
    socket.on("close", () => back.destroy());
  });
  const port = freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    mode,
    requests,
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
