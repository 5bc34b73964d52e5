/**
 * A connection to a gateway byte by byte, for clients that misbehave.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { until } from "./wait.ts";

/** A raw connection. */
export interface RawConnection extends Disposable {
  /** Everything received so far. */
  readonly text: string;
  readonly closed: boolean;
  readonly socket: Socket;
  /** Resolves when the system has taken the data. */
  send(data: string | Uint8Array): Promise<void>;
  /** Stops reading, so that the gateway cannot write any more once the buffers are full. */
  pause(): void;
  /** Waits until the other side has closed the connection. */
  ended(): Promise<void>;
}

/** Opens a connection to a port of 127.0.0.1. `from` is the address that it comes from. */
export function openRaw(port: number, from = "127.0.0.1"): RawConnection {
  const socket = connect({ host: "127.0.0.1", port, localAddress: from });
  socket.setNoDelay(true);
  let text = "";
  let closed = false;
  socket.on("data", (data) => text += data);
  socket.on("error", () => {});
  socket.on("close", () => closed = true);
  return {
    get text() {
      return text;
    },
    get closed() {
      return closed;
    },
    socket,
    send: (data) => new Promise((resolve) => socket.write(data, () => resolve())),
    pause: () => void socket.pause(),
    ended: async () => void await until("the gateway to close the connection", () => closed),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

/** Sends a piece again and again until the connection has closed. */
export async function drip(connection: RawConnection, piece: string): Promise<void> {
  await until("the gateway to give up", async () => {
    if (!connection.closed) await connection.send(piece);
    return connection.closed;
  });
}

/** A PROXY header of version 2 that tells this IPv4 address. */
export function proxyHeader(address: string): Buffer {
  return Buffer.concat([
    Buffer.from("0d0a0d0a000d0a515549540a2111000c", "hex"),
    Buffer.from(address.split(".").map(Number)),
    Buffer.from("7f000001123401bb", "hex"),
  ]);
}
