/**
 * A TCP connection that a test can disturb: a proxy in front of one port, which passes bytes on, at once or
 * with a delay, until it is cut or falls silent. NATS routes, links between regions, connections of services
 * to NATS and to the database go through it.
 *
 * @module
 */
import { connect, createServer, type Socket } from "node:net";
import { freePort } from "./ports.ts";

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

/** The most bytes under way in one direction of a slow connection; then the sender has to wait. */
const MAX_UNDER_WAY = 8 * 1024 * 1024;

/** How often a slow connection that fell silent looks whether it may go on, milliseconds. */
const RETRY_MS = 20;

/** Options of {@link startLink}. */
export interface LinkOptions {
  /** How long bytes are under way in each direction, milliseconds; 0 by default. */
  delay?: number;
  /** The most bytes under way in one direction; 8 MiB by default. */
  maxUnderWay?: number;
}

/** Starts a link to a port of this machine. Bytes stay in order. */
export async function startLink(target: number, options: LinkOptions = {}): Promise<Link> {
  const { delay = 0, maxUnderWay = MAX_UNDER_WAY } = options;
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
      const resume = () => state !== "silent" && from.resume();
      if (delay > 0) delayed(from, to, { delay, maxUnderWay, silent: () => state === "silent" });
      else {
        from.on("data", (bytes) => {
          if (to.write(bytes)) return;
          from.pause();
          to.once("drain", resume);
        });
      }
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

/** Passes on what arrives from one socket after a delay. What is under way when it falls silent waits. */
function delayed(
  from: Socket,
  to: Socket,
  options: { delay: number; maxUnderWay: number; silent: () => boolean },
): void {
  const queue: { due: number; bytes: Uint8Array }[] = [];
  let size = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const pass = () => {
    timer = undefined;
    while (queue.length > 0 && queue[0]!.due <= performance.now() && !options.silent()) {
      const { bytes } = queue.shift()!;
      size -= bytes.length;
      to.write(bytes);
    }
    if (!options.silent() && size < options.maxUnderWay && to.writableLength === 0) from.resume();
    later();
  };
  const later = () => {
    if (queue.length === 0 || timer !== undefined) return;
    const left = Math.max(queue[0]!.due - performance.now(), options.silent() ? RETRY_MS : 0);
    timer = setTimeout(pass, left);
  };
  from.on("data", (bytes) => {
    queue.push({ due: performance.now() + options.delay, bytes });
    size += bytes.length;
    if (size + to.writableLength >= options.maxUnderWay) from.pause();
    later();
  });
  to.on("drain", pass);
  from.on("close", () => clearTimeout(timer));
}
