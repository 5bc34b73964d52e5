/**
 * A WebSocket client for tests. It parses every received frame by the contract's schema, keeps it,
 * and can wait for it.
 *
 * @module
 */
import { ServerFrame, type ServerFrameOf } from "../../services/contract/mod.ts";
import { WAIT_DEADLINE_MS, within } from "./wait.ts";

/** A connected client. */
export interface TestClient {
  /** Every frame so far, in order. */
  readonly frames: ServerFrame[];
  readonly socket: WebSocket;
  /** Set once the connection has closed. */
  readonly closed: { code: number; reason: string } | undefined;
  /** Sends an object as JSON, or text unchanged. */
  send(frame: object | string): void;
  /**
   * Waits for the first frame of a type that has not been taken and satisfies `fits`, and takes it.
   */
  take<T extends ServerFrame["type"]>(
    type: T,
    fits?: (frame: ServerFrameOf<T>) => boolean,
    deadline?: number,
  ): Promise<ServerFrameOf<T>>;
  /**
   * Waits for the first `ack`, `error`, `result`, ... with this id. A `room-message` does not
   * count.
   */
  answer(id: string, deadline?: number): Promise<ServerFrame>;
  /** Takes this many frames of a type. */
  takeMany<T extends ServerFrame["type"]>(type: T, count: number): Promise<ServerFrameOf<T>[]>;
  /** Waits for the connection to close. */
  closing(deadline?: number): Promise<{ code: number; reason: string }>;
  close(): void;
}

/** Connects. Resolves once the WebSocket is open. */
export async function connectClient(
  url: string,
  options: { protocols?: string[]; headers?: Record<string, string> } = {},
): Promise<TestClient> {
  const socket = new WebSocket(url, {
    protocols: options.protocols,
    headers: options.headers,
  } as unknown as string[]);
  const frames: ServerFrame[] = [];
  const taken = new Set<ServerFrame>();
  /**
   * All frames before this index are taken: who takes thousands in order does not search those again. The
   * last of them tells whether a test has emptied `frames` since.
   */
  let first = 0;
  let before: ServerFrame | undefined;
  let closed: { code: number; reason: string } | undefined;
  let wake = Promise.withResolvers<void>();
  const changed = () => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };
  socket.onmessage = ({ data }) => {
    frames.push(ServerFrame.parse(JSON.parse(data)));
    changed();
  };
  socket.onerror = () => {};
  socket.onclose = ({ code, reason }) => {
    closed = { code, reason };
    changed();
  };
  await within(
    "the WebSocket to open",
    new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("close", ({ code }) => reject(new Error(`closed with ${code}`)));
    }),
  );
  const find = async (what: string, fits: (frame: ServerFrame) => boolean, deadline: number) => {
    const end = performance.now() + deadline;
    for (;;) {
      if (frames[first - 1] !== before) first = 0;
      for (let i = first; i < frames.length; i++) {
        const frame = frames[i]!;
        if (taken.has(frame) || !fits(frame)) continue;
        taken.add(frame);
        while (first < frames.length && taken.has(frames[first]!)) first++;
        before = frames[first - 1];
        return frame;
      }
      if (closed !== undefined) throw new Error(`closed with ${closed.code} before ${what}`);
      const left = end - performance.now();
      if (left <= 0) throw new Error(`timed out waiting for ${what}, received ${summary(frames)}`);
      await within("the next frame", wake.promise, left).catch(() => {});
    }
  };
  const client: TestClient = {
    frames,
    socket,
    get closed() {
      return closed;
    },
    send: (frame) => socket.send(typeof frame === "string" ? frame : JSON.stringify(frame)),
    async take(type, fits = () => true, deadline = WAIT_DEADLINE_MS) {
      const found = await find(
        `a "${type}"`,
        (frame) => frame.type === type && fits(frame as ServerFrameOf<typeof type>),
        deadline,
      );
      return found as ServerFrameOf<typeof type>;
    },
    answer: (id, deadline = WAIT_DEADLINE_MS) =>
      find(
        `an answer to ${id}`,
        (frame) => frame.type !== "room-message" && "id" in frame && frame.id === id,
        deadline,
      ),
    async takeMany(type, count) {
      const many: ServerFrameOf<typeof type>[] = [];
      while (many.length < count) many.push(await client.take(type));
      return many;
    },
    async closing(deadline = WAIT_DEADLINE_MS) {
      const wait = async () => {
        while (closed === undefined) await wake.promise;
        return closed;
      };
      return await within("the connection to close", wait(), deadline);
    },
    close: () => socket.close(),
  };
  return client;
}

function summary(frames: ServerFrame[]): string {
  const errors = frames.filter(({ type }) => type === "error");
  return JSON.stringify([...errors.slice(-3), ...frames.slice(-3)]).slice(0, 800);
}
