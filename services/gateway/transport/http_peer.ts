/**
 * What connections over HTTP have in common: a key that only their client knows, and a way up of
 * numbered posts, so that one that is sent again is taken once.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type CloseName, MAX_FRAME_BYTES } from "../../contract/mod.ts";
import type { Batch } from "../wire/batch.ts";
import type { Connection } from "./connections.ts";
import type { Frame } from "../wire/frame.ts";
import type { Peer } from "../session/peer.ts";
import type { Session } from "../session/session.ts";
import type { TransportDeps } from "./transport_deps.ts";

/**
 * How a post went: taken (now or before); one before it is missing; the session has ended; others wait
 * to be taken already.
 */
export type Taken = "taken" | "gap" | "closed" | "busy";

/** Posts that may wait to be taken: one, and the same again from who thinks that it got lost. */
const MAX_WAITING = 2;

/** See the module's doc. */
export abstract class HttpPeer implements Peer, Connection {
  protected readonly deps: TransportDeps;
  readonly key: string;
  readonly session: Session;
  pinged = false;
  /** Told when the connection is gone. */
  onGone: () => void = () => {};
  protected lastSeen = performance.now();
  #posts = 0;
  #waiting = 0;
  #paused: PromiseWithResolvers<void> | null = null;

  constructor(deps: TransportDeps) {
    this.deps = deps;
    const secret = crypto.getRandomValues(new Uint8Array(16)).toHex();
    this.key = `${deps.id}.${secret}`;
    this.session = deps.openSession(this, this.lastSeen);
  }

  abstract send(frame: Frame): void;
  abstract sendBatch(batch: Batch): void;
  abstract readonly skipsDroppable: boolean;
  abstract readonly congested: boolean;
  abstract drained(): Promise<void>;
  abstract ping(): void;
  abstract silence(now: number): number;
  abstract close(name: CloseName): void;

  overflowed(): void {
    this.deps.stats.slowConsumers++;
    this.session.close("slow_consumer");
  }

  /** Whether the client's next post is not taken yet: so it cannot say anything. */
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
    this.seen();
  }

  /** Something has come from the client. */
  seen(): void {
    this.lastSeen = performance.now();
    this.pinged = false;
  }

  /**
   * Takes in the frames of the nth post, one a line; not while frames wait for a room to be entered, so
   * no more than one post can queue.
   */
  async receive(n: number, frames: string): Promise<Taken> {
    this.seen();
    if (this.#waiting >= MAX_WAITING) return "busy";
    this.#waiting++;
    while (this.#paused !== null) await this.#paused.promise;
    this.#waiting--;
    if (this.session.closed) return "closed";
    if (n > this.#posts + 1) return "gap";
    if (n <= this.#posts) return "taken";
    this.#posts = n;
    for (const text of frames.split("\n")) {
      if (this.session.closed) break;
      if (Buffer.byteLength(text) > MAX_FRAME_BYTES) this.session.close("too_big");
      else if (text !== "") this.session.receive(text);
    }
    return "taken";
  }

  /** The connection is gone. */
  gone(): void {
    this.resume();
    this.onGone();
    this.deps.connections.remove(this);
  }
}
