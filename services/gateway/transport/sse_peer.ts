/**
 * Sends frames as server-sent events, in one response that stays open as long as the session.
 *
 * @module
 */
import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type CloseName, CLOSES } from "../../contract/mod.ts";
import type { Batch } from "../wire/batch.ts";
import { type Frame, toServerSentEvent } from "../wire/frame.ts";
import { Outbox } from "../wire/outbox.ts";
import { CLOSE_TIMEOUT_MS } from "./connections.ts";
import { HttpPeer } from "./http_peer.ts";
import type { TransportDeps } from "./transport_deps.ts";

const encoder = new TextEncoder();

/** An empty comment. It keeps proxies from closing an idle stream; clients ignore it. */
const COMMENT = encoder.encode(":\n\n");

/** See the module's doc. */
export class SsePeer extends HttpPeer {
  readonly transport = "sse";
  readonly #response: ServerResponse;
  readonly #outbox: Outbox;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Begins the stream with an `open` event that carries the session key. The caller has written the
   * response's head. `socket` is the request's socket. Its `close` event matters too: a response that is
   * queued behind another one on the same socket never emits its own.
   */
  constructor(response: ServerResponse, socket: Duplex, deps: TransportDeps, address: string) {
    super(deps, address);
    this.#response = response;
    const { flushes, config, memory } = deps;
    this.#outbox = new Outbox(response, flushes, config.SEND_BUFFER_BYTES, this, memory);
    this.#outbox.append(eventBytes("open", { session: this.key }));
    const closed = () => {
      clearTimeout(this.#closeTimer);
      socket.off("close", closed);
      this.disconnected();
    };
    response.on("close", closed);
    socket.on("close", closed);
  }

  protected get queuedBytes(): number {
    return this.#outbox.queuedBytes;
  }

  drop(name: CloseName): void {
    this.#outbox.discard();
    this.session.close(name);
    this.#response.destroy();
    this.disconnected();
  }

  send(frame: Frame): void {
    this.#outbox.append(toServerSentEvent(frame));
  }

  sendBatch(batch: Batch): void {
    this.#outbox.append(batch.serverSentEvents);
  }

  get skipsDroppable(): boolean {
    return this.#outbox.skipsDroppable;
  }

  get congested(): boolean {
    return this.#outbox.congested;
  }

  drained(): Promise<void> {
    return this.#outbox.drained();
  }

  ping(): void {
    this.#outbox.append(COMMENT);
  }

  silence(now: number): number {
    return this.paused ? 0 : now - this.lastActivity;
  }

  close(name: CloseName): void {
    this.closeCode = CLOSES[name].code;
    this.resume();
    this.#outbox.close();
    this.#response.end(eventBytes("close", CLOSES[name]));
    // A client that has stopped reading never receives the end of the response.
    this.#closeTimer = setTimeout(() => {
      this.#response.destroy();
      this.disconnected();
    }, CLOSE_TIMEOUT_MS);
  }
}

/** Encodes a server-sent event with a name. */
function eventBytes(event: string, data: object): Uint8Array {
  return encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
