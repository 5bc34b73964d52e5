/**
 * A connection to NATS that reconnects forever and bounds its outbound queue.
 *
 * @module
 */
import {
  connect,
  createInbox,
  headers as createHeaders,
  type MsgHdrs,
  type NatsConnection,
} from "@nats-io/transport-node";
import { Buffer } from "node:buffer";
import { errorText, type Logger } from "./log.ts";
import { type NatsOptions, natsOptions } from "./nats_config.ts";
import { SendQueue } from "./send_queue.ts";

/**
 * Most bytes that may be sent but not yet confirmed by a flush. The client library queues without a
 * bound while the server is slow or unreachable. Above this limit, `send` refuses.
 */
const MAX_OUTBOUND_BYTES = 16 * 1024 * 1024;

/**
 * Bytes after which a flush confirms what was sent, and how long fewer may stay unconfirmed,
 * milliseconds. A flush costs a write and a read on both sides, as much as the message itself.
 */
const CONFIRM_BYTES = 256 * 1024;
const CONFIRM_MS = 250;

/**
 * Bytes reserved for a message's headers. Also the assumed cost of a message beyond its payload.
 */
const MAX_HEADER_BYTES = 1_024;

/** The arguments of one publish. */
type Sending = Parameters<Bus["send"]>;

/** A connection to NATS. */
export interface Bus {
  /** The connection of the NATS client library. */
  readonly nats: NatsConnection;
  /** The logger given to {@link connectBus}. */
  readonly log: Logger;
  /** Whether the connection is up. */
  readonly connected: boolean;
  /** Returns a new subject for replies, below the prefix that this user of NATS may subscribe to. */
  createInbox(): string;
  /** Adds a callback for each loss of the connection. Returns a function that removes it. */
  onDisconnect(callback: () => void): () => void;
  /**
   * Adds a callback for each reconnect. The first connect does not count. Returns a function that removes
   * the callback.
   */
  onReconnect(callback: () => void): () => void;
  /**
   * Publishes, unless NATS is disconnected, more than 16 MiB await confirmation, or the message
   * exceeds the server's maximum payload.
   *
   * @returns whether the message was accepted
   */
  send(
    subject: string,
    payload: string | Uint8Array,
    options?: { headers?: MsgHdrs; reply?: string },
  ): boolean;
  /**
   * Like {@link Bus.send}, but publishes at the end of this turn of the event loop, or a millisecond later
   * if many are sent, so that one write carries all messages sent this way. Keeps their order.
   */
  sendSoon: Bus["send"];
  /**
   * Sends at once, after everything queued by {@link Bus.sendSoon} and even if too much waits to reach
   * NATS. For heartbeats: they must outlive the load that they report on.
   *
   * @returns whether NATS is connected
   */
  sendFirst(subject: string, payload: string): boolean;
  /** Publishes everything accepted so far, then closes the connection. */
  drain(): Promise<void>;
}

/**
 * Connects to NATS and reconnects whenever the connection is lost, without a time limit. The
 * connection only ends if the server rejects the credentials; `onClosed` then receives the reason.
 *
 * @param options.url one NATS URL, or several separated by commas
 * @param options.options how to connect, instead of a URL; see {@link natsOptions}
 * @param options.name the name of the connection, which NATS's monitoring shows
 * @param options.maxOutboundBytes see {@link Bus.send}; 16 MiB by default
 * @returns the connection, once it is established
 * @throws {Error} if the server rejects the credentials on the first connect
 */
export async function connectBus(options: {
  url?: string;
  options?: NatsOptions;
  name: string;
  log: Logger;
  onClosed?: (reason: string) => void;
  maxOutboundBytes?: number;
}): Promise<Bus> {
  const { log, maxOutboundBytes = MAX_OUTBOUND_BYTES } = options;
  const given = options.options ?? natsOptions({ NATS_URL: options.url! }, options.name);
  const waitNotice = setTimeout(() => {
    log.warn("waiting for NATS", { url: String(given.servers) });
  }, 1_000);
  const nats = await connect({
    ...given,
    name: options.name,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    timeout: 2_000,
    // A server that hangs is left after 4 to 6 s.
    pingInterval: 2_000,
    maxPingOut: 2,
    noAsyncTraces: true,
    // If the client resolved host names itself, it would connect to addresses that --allow-net does
    // not list.
    resolve: false,
  }).finally(() => clearTimeout(waitNotice));

  let connected = true;
  let closing = false;
  let unconfirmed = 0;
  let flushing = false;
  let confirmTimer: ReturnType<typeof setTimeout> | undefined;
  const onDisconnect = new Set<() => void>();
  const onReconnect = new Set<() => void>();

  (async () => {
    for await (const status of nats.status()) {
      if (status.type === "disconnect") {
        if (!closing) log.warn("lost connection to NATS, reconnecting");
        connected = false;
        for (const callback of onDisconnect) callback();
      } else if (status.type === "reconnect") {
        log.info("reconnected to NATS");
        connected = true;
        unconfirmed = 0;
        for (const callback of onReconnect) callback();
      } else if (status.type === "error") {
        log.error("NATS reported an error", { error: errorText(status.error) });
      }
    }
  })();
  nats.closed().then((reason) => {
    connected = false;
    if (!closing) options.onClosed?.(reason ? errorText(reason) : "closed");
  });

  /** Flushes to confirm everything published so far. Runs one flush at a time. */
  const confirm = () => {
    clearTimeout(confirmTimer);
    confirmTimer = undefined;
    if (!connected || closing) return;
    flushing = true;
    const covered = unconfirmed;
    nats.flush().then(() => {
      unconfirmed = Math.max(0, unconfirmed - covered);
    }, () => {}).finally(() => {
      flushing = false;
      if (unconfirmed > 0 && connected) published(0);
    });
  };

  /** Returns the cost of a message in bytes, or 0 if it cannot be sent now. */
  const costOf = (subject: string, payload: string | Uint8Array) => {
    if (!connected || unconfirmed + queuedBytes >= maxOutboundBytes) return 0;
    // An upper bound for text: an exact count costs more than it gains.
    const bytes = payload.length * (typeof payload === "string" ? 3 : 1) + MAX_HEADER_BYTES;
    const most = nats.info?.max_payload ?? Infinity;
    if (bytes <= most || Buffer.byteLength(payload) + MAX_HEADER_BYTES <= most) return bytes;
    log.error("message exceeds the maximum payload of NATS", { subject, bytes });
    return 0;
  };
  const publish = (...[subject, payload, sendOptions]: Sending) => {
    try {
      nats.publish(subject, payload, sendOptions);
    } catch (error) {
      log.error("publish failed", { subject, error: errorText(error) });
    }
  };
  /** Counts published bytes as unconfirmed, and sees to it that they are confirmed soon enough. */
  const published = (bytes: number) => {
    unconfirmed += bytes;
    if (flushing) return;
    if (unconfirmed >= CONFIRM_BYTES) confirm();
    else confirmTimer ??= setTimeout(confirm, CONFIRM_MS);
  };
  let queuedBytes = 0;
  const queue = new SendQueue<Sending>((all) => {
    for (const sending of all) publish(...sending);
    published(queuedBytes);
    queuedBytes = 0;
  });

  return {
    nats,
    log,
    get connected() {
      return connected;
    },
    createInbox: () => createInbox(given.inboxPrefix),
    onDisconnect: (callback) => added(onDisconnect, callback),
    onReconnect: (callback) => added(onReconnect, callback),
    send(subject, payload, sendOptions) {
      const bytes = costOf(subject, payload);
      if (bytes === 0) return false;
      publish(subject, payload, sendOptions);
      published(bytes);
      return true;
    },
    sendSoon(subject, payload, sendOptions) {
      const bytes = costOf(subject, payload);
      if (bytes === 0) return false;
      queuedBytes += bytes;
      queue.push([subject, payload, sendOptions]);
      return true;
    },
    sendFirst(subject, payload) {
      if (!connected) return false;
      queue.flush();
      publish(subject, payload);
      published(payload.length);
      return true;
    },
    async drain() {
      closing = true;
      clearTimeout(confirmTimer);
      queue.flush();
      if (!nats.isClosed()) await nats.drain().catch(() => nats.close());
    },
  };
}

export { createHeaders };

function added(callbacks: Set<() => void>, callback: () => void): () => void {
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}
