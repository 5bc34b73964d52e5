/**
 * What the HTTP transports have in common: a secret session key, and a client that sends numbered
 * posts. A post that the client repeats is executed once.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type CloseName, MAX_FRAME_BYTES } from "../../contract/mod.ts";
import type { Peer } from "../session/peer.ts";
import type { Session } from "../session/session.ts";
import type { Batch } from "../wire/batch.ts";
import type { Frame } from "../wire/frame.ts";
import type { TransportName } from "./connection_counts.ts";
import type { Connection } from "./connections.ts";
import type { TransportDeps } from "./transport_deps.ts";

/**
 * The outcome of a post. `accepted`: its frames were executed, now or by an earlier copy. `gap`: an
 * earlier post is missing. `closed`: the session has ended. `busy`: too many posts wait already.
 */
export type PostResult = "accepted" | "gap" | "closed" | "busy";

/** Posts that may wait at a time: one, and its copy from a client that believes it was lost. */
const MAX_WAITING_POSTS = 2;

/** A connection over HTTP. Subclasses implement the direction from the gateway to the client. */
export abstract class HttpPeer implements Peer, Connection {
  protected readonly deps: TransportDeps;
  /** The session key: the gateway's id and a secret of 128 random bits. Only the client knows it. */
  readonly key: string;
  readonly session: Session;
  abstract readonly transport: TransportName;
  readonly address: string;
  closeCode: number | undefined = undefined;
  pinged = false;
  /** Called when the connection has closed. */
  onDisconnected: () => void = () => {};
  /** When the client last sent something, a monotonic time in milliseconds. */
  protected lastActivity = performance.now();
  /** The number of the last accepted post. */
  #lastPost = 0;
  #waitingPosts = 0;
  #paused: PromiseWithResolvers<void> | null = null;

  constructor(deps: TransportDeps, address: string) {
    this.deps = deps;
    this.address = address;
    const secret = crypto.getRandomValues(new Uint8Array(16)).toHex();
    this.key = `${deps.id}.${secret}`;
    this.session = deps.openSession(this, this.lastActivity);
  }

  abstract send(frame: Frame): void;
  abstract sendBatch(batch: Batch): void;
  abstract readonly skipsDroppable: boolean;
  abstract readonly congested: boolean;
  abstract drained(): Promise<void>;
  abstract ping(): void;
  abstract silence(now: number): number;
  abstract close(name: CloseName): void;
  abstract drop(name: CloseName): void;
  /** Bytes that wait for the client. */
  protected abstract readonly queuedBytes: number;

  get owner(): string {
    return this.session.allowance.account.key;
  }

  evict(): void {
    this.deps.stats.slowConsumers++;
    this.drop("slow_consumer");
  }

  get owed(): number {
    return this.queuedBytes + this.session.owed;
  }

  overflowed(): void {
    this.deps.stats.slowConsumers++;
    this.session.close("slow_consumer");
  }

  /** Whether posts wait. Meanwhile the client's silence does not count. */
  protected get paused(): boolean {
    return this.#paused !== null;
  }

  pause(): void {
    this.#paused ??= Promise.withResolvers();
  }

  resume(): void {
    const paused = this.#paused;
    this.#paused = null;
    paused?.resolve();
    this.noteActivity();
  }

  /** Records a sign of life from the client. */
  noteActivity(): void {
    this.lastActivity = performance.now();
    this.pinged = false;
  }

  /**
   * Executes the frames of post number `n`, one per line. While the session is paused, because frames
   * wait for a join, the post waits too. Never rejects.
   */
  async receive(n: number, frames: string): Promise<PostResult> {
    this.noteActivity();
    if (this.#waitingPosts >= MAX_WAITING_POSTS) return "busy";
    this.#waitingPosts++;
    while (this.#paused !== null) await this.#paused.promise;
    this.#waitingPosts--;
    if (this.session.closed) return "closed";
    if (n > this.#lastPost + 1) return "gap";
    if (n <= this.#lastPost) return "accepted";
    this.#lastPost = n;
    for (const text of frames.split("\n")) {
      if (this.session.closed) break;
      const bytes = Buffer.byteLength(text);
      if (bytes > MAX_FRAME_BYTES) this.session.close("too_big");
      else if (bytes > 0) this.session.receive(text, bytes);
    }
    return "accepted";
  }

  /** Ends the connection: waiting posts return `closed`, and the registry forgets it. */
  disconnected(): void {
    this.resume();
    this.onDisconnected();
    this.deps.connections.remove(this);
  }
}
