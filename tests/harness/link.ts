/**
 * A TCP connection that a test can disturb: a proxy in front of one port, which passes bytes on until it
 * is cut or falls silent. NATS routes, connections of services to NATS and to the database go through it.
 *
 * @module
 */
import { connect, createServer, type Socket } from "node:net";
import { freePort } from "./process.ts";

/** A link to one port. */
export interface Link extends AsyncDisposable {
  /** The port to connect to in place of the target's. */
  readonly port: number;
  /** The connections that go through it now. */
  readonly connections: number;
  /** Passes nothing on, in either direction, and closes nothing: what a network does that drops packets. */
  silence(): void;
  /** Closes every connection, and each new one at once: what a firewall does that rejects. */
  cut(): void;
  /** Passes everything on again. What silent connections were sent meanwhile arrives late. */
  heal(): void;
}

type State = "open" | "silent" | "cut";

/** Starts a link to a port of this machine. */
export async function startLink(target: number): Promise<Link> {
  let state: State = "open";
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer({ pauseOnConnect: true }, (near) => {
    if (state === "cut") return near.destroy();
    const far = connect(target, "127.0.0.1");
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.setNoDelay(true);
      from.pause();
      from.on("data", (bytes) => {
        if (to.write(bytes)) return;
        from.pause();
        to.once("drain", () => state !== "silent" && from.resume());
      });
      from.on("error", () => {});
      from.on("close", () => {
        pairs.delete(pair);
        to.destroy();
      });
    }
    if (state === "open") { for (const socket of pair) socket.resume(); }
  });
  const port = freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const cut = () => {
    state = "cut";
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  return {
    port,
    get connections() {
      return pairs.size;
    },
    silence() {
      if (state === "open") state = "silent";
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    cut,
    heal() {
      state = "open";
      for (const pair of pairs) for (const socket of pair) socket.resume();
    },
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
