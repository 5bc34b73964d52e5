/**
 * A client on a WebSocket, whichever way it came in. Fan-out writes prepared frames directly to the
 * socket.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import { type CloseName, CLOSES } from "../../contract/mod.ts";
import type { Peer } from "../session/peer.ts";
import type { Session } from "../session/session.ts";
import type { Batch } from "../wire/batch.ts";
import { type Frame, PING_FRAME } from "../wire/frame.ts";
import { Outbox } from "../wire/outbox.ts";
import type { Connection } from "./connections.ts";
import type { TransportDeps } from "./transport_deps.ts";
import type { WebSocketLink, WebSocketOwner } from "./websocket_link.ts";

/**
 * What a client may still send after the gateway has closed its session, bytes. It was on its way, or the client
 * does not care; then the gateway does not read on until the close times out.
 */
const MAX_LATE_BYTES = 1_048_576;

/** The header of a small frame of a client, bytes. */
const HEADER_BYTES = 6;

/** One WebSocket connection. */
export class WebSocketPeer implements Peer, Connection, WebSocketOwner {
  readonly #link: WebSocketLink;
  readonly #deps: TransportDeps;
  readonly outbox: Outbox;
  readonly session: Session;
  readonly transport = "websocket";
  readonly address: string;
  closeCode: number | undefined = undefined;
  pinged = false;
  #lastActivity = performance.now();
  #paused = false;
  #lateBytes = 0;

  constructor(link: WebSocketLink, socket: Duplex, deps: TransportDeps, address: string) {
    this.#link = link;
    this.address = address;
    this.#deps = deps;
    const { flushes, config, memory } = deps;
    this.outbox = new Outbox(socket, flushes, config.SEND_BUFFER_BYTES, this, memory);
    this.session = deps.openSession(this, this.#lastActivity);
  }

  overflowed(): void {
    this.#deps.stats.slowConsumers++;
    this.session.close("slow_consumer");
  }

  get owner(): string {
    return this.session.allowance.account.key;
  }

  get owed(): number {
    return this.outbox.queuedBytes + this.session.owed + this.#link.held;
  }

  evict(): void {
    this.#deps.stats.slowConsumers++;
    this.drop("slow_consumer");
  }

  drop(name: CloseName): void {
    this.outbox.discard();
    this.session.close(name);
    // What the socket itself holds would wait for a client that does not read.
    setImmediate(() => this.#link.terminate());
  }

  send(frame: Frame): void {
    this.outbox.push(frame);
  }

  sendBatch(batch: Batch): void {
    this.outbox.pushBatch(batch);
  }

  get skipsDroppable(): boolean {
    return this.outbox.skipsDroppable;
  }

  get congested(): boolean {
    return this.outbox.congested;
  }

  drained(): Promise<void> {
    return this.outbox.drained();
  }

  pause(): void {
    this.#paused = true;
    this.#link.pause();
  }

  resume(): void {
    this.#paused = false;
    this.activity();
    this.#link.resume();
  }

  silence(now: number): number {
    return this.#paused ? 0 : now - this.#lastActivity;
  }

  ping(): void {
    this.send(PING_FRAME);
  }

  close(name: CloseName): void {
    this.outbox.close();
    const { code, reason } = CLOSES[name];
    this.closeCode = code;
    // A paused socket would never read the client's close frame.
    this.#link.resume();
    this.#link.close(code, reason);
  }

  text(text: string, bytes: number): void {
    this.activity();
    if (this.session.closed) return this.#late(bytes);
    this.session.receive(text, bytes);
  }

  binary(): void {
    this.activity();
    if (this.session.closed) return this.#late(0);
    this.session.close("binary");
  }

  answer(pong: Uint8Array): void {
    this.pong();
    this.outbox.answer(pong);
  }

  pong(): void {
    this.activity();
    const { session } = this;
    if (session.closed) return this.#late(0);
    if (session.allowance.control(this.#lastActivity)) return;
    // Reading pings as fast as the network carries them would keep the gateway busy.
    session.reading.slowDown();
  }

  #late(bytes: number): void {
    this.#lateBytes += HEADER_BYTES + bytes;
    if (this.#lateBytes > MAX_LATE_BYTES) this.#link.terminate();
  }

  activity(): void {
    this.#lastActivity = performance.now();
    this.pinged = false;
  }

  closing(): void {
    this.outbox.close();
  }

  failed(): void {
    this.session.disconnected();
  }

  closed(code: number): void {
    // Whoever began to close chose the code.
    this.closeCode ??= code;
    this.#deps.connections.remove(this);
  }
}
