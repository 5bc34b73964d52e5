/**
 * The way down as a stream of server-sent events: one response that does not end.
 *
 * @module
 */
import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type CloseName, CLOSES } from "../../contract/mod.ts";
import type { Batch } from "../wire/batch.ts";
import { CLOSE_TIMEOUT_MS } from "./connections.ts";
import type { TransportDeps } from "./transport_deps.ts";
import { type Frame, toServerSentEvent } from "../wire/frame.ts";
import { HttpPeer } from "./http_peer.ts";
import { Outbox } from "../wire/outbox.ts";

const encoder = new TextEncoder();

/** A comment: what lies between sees that the stream lives. */
const COMMENT = encoder.encode(":\n\n");

/** See the module's doc. */
export class SsePeer extends HttpPeer {
  readonly #response: ServerResponse;
  readonly #outbox: Outbox;
  #closing: ReturnType<typeof setTimeout> | undefined;

  /**
   * Begins the stream with an `open` event that carries the key. The response's head is sent by now.
   * `socket` is the request's: a response that waits behind another on it never closes by itself.
   */
  constructor(response: ServerResponse, socket: Duplex, deps: TransportDeps) {
    super(deps);
    this.#response = response;
    this.#outbox = new Outbox(response, deps.flushes, deps.config.SEND_BUFFER_BYTES, this);
    this.#outbox.append(eventBytes("open", { session: this.key }));
    const gone = () => {
      clearTimeout(this.#closing);
      socket.off("close", gone);
      this.gone();
    };
    response.on("close", gone);
    socket.on("close", gone);
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
    return this.paused ? 0 : now - this.lastSeen;
  }

  close(name: CloseName): void {
    this.resume();
    this.#outbox.close();
    this.#response.end(eventBytes("close", CLOSES[name]));
    // A reader that has stopped reading would never take the end of it.
    this.#closing = setTimeout(() => {
      this.#response.destroy();
      this.gone();
    }, CLOSE_TIMEOUT_MS);
  }
}

function eventBytes(event: string, data: object): Uint8Array {
  return encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
