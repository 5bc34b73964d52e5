/**
 * For tests: a clock that stands still until it is moved, and WebSockets that do as they are told.
 *
 * @module
 */
import { Hopwire } from "./hopwire.ts";
import type { Clock, HopwireOptions, WebSocketLike } from "./options.ts";

/** See the module's doc. */
export class FakeClock implements Clock {
  time = 0;
  #timers = new Map<number, { at: number; callback: () => void }>();
  #count = 0;

  now(): number {
    return this.time;
  }

  setTimeout(callback: () => void, milliseconds: number): unknown {
    this.#timers.set(++this.#count, { at: this.time + milliseconds, callback });
    return this.#count;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as number);
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Moves on, running what is due in its order, and what promises that settle meanwhile do. */
  async move(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    await settled();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end)
        .sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (due === undefined) break;
      this.time = due[1].at;
      this.#timers.delete(due[0]);
      due[1].callback();
      await settled();
    }
    this.time = end;
  }
}

/** Lets promises settle: a few turns of the microtask queue, and one of the loop. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}

/** A WebSocket of a test. */
export class FakeSocket implements WebSocketLike {
  readyState = 0;
  bufferedAmount = 0;
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;
  readonly sent: { type: string; [field: string]: unknown }[] = [];
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.({} as never);
  }

  give(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) } as never);
  }

  /** Opens and accepts the token. */
  accept(more: object = {}): void {
    this.open();
    this.give({ type: "authenticated", userId: "ann", username: "Ann", expiresAt: null, ...more });
  }

  lose(code = 1006, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason } as never);
  }

  /** The frames of a type that were sent. */
  of(type: string): FakeSocket["sent"] {
    return this.sent.filter((frame) => frame.type === type);
  }
}

/** A constructor of fake sockets, and those it has made. */
export function fakeSockets(made: (socket: FakeSocket) => void = () => {}): {
  WebSocket: new (url: string) => WebSocketLike;
  sockets: FakeSocket[];
} {
  const sockets: FakeSocket[] = [];
  return {
    sockets,
    WebSocket: class extends FakeSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
        made(this);
      }
    },
  };
}

/** A client of such sockets on such a clock, and what it is made of. It tries again at once. */
export function fakeClient(url: string, options: Partial<HopwireOptions> = {}) {
  const clock = new FakeClock();
  const { WebSocket, sockets } = fakeSockets();
  const hop = new Hopwire(url, {
    token: "t",
    transports: ["websocket"],
    WebSocket,
    clock,
    random: () => 0,
    ...options,
  });
  return { clock, sockets, hop };
}
