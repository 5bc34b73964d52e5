/**
 * The connection to NATS that never gives up, and takes no more than it can send.
 *
 * @module
 */
import {
  connect,
  headers as createHeaders,
  type MsgHdrs,
  type NatsConnection,
} from "@nats-io/transport-node";
import { Buffer } from "node:buffer";
import { natsUrl } from "./config.ts";
import { errorText, type Logger } from "./log.ts";

/**
 * Bytes that may be on their way to NATS and not yet confirmed by a flush. The client library
 * queues without a bound while the server is slow or gone; above this we refuse instead.
 */
const MAX_OUTBOUND_BYTES = 16 * 1024 * 1024;

/** What headers of a message may take, and what a message costs beside its payload, bytes. */
const MAX_HEADER_BYTES = 1_024;

/** What is to be published. */
type Sending = Parameters<Bus["send"]>;

/** A connection to NATS. */
export interface Bus {
  readonly nats: NatsConnection;
  readonly log: Logger;
  /** Whether NATS is reached right now. */
  readonly connected: boolean;
  /** Calls back at each loss of the connection, and at each return (never at the first connect). */
  onDisconnect(callback: () => void): void;
  onReconnect(callback: () => void): void;
  /**
   * Publishes, unless NATS is gone or more than 16 MiB wait to reach it.
   *
   * @returns whether it was taken
   */
  send(
    subject: string,
    payload: string | Uint8Array,
    options?: { headers?: MsgHdrs; reply?: string },
  ): boolean;
  /**
   * As {@link Bus.send}, at the end of this turn of the event loop, together with all that others
   * send so: one write for many. Keeps the order among them.
   */
  sendSoon: Bus["send"];
  /** Finishes what is under way and closes. */
  drain(): Promise<void>;
}

/**
 * Connects to NATS, waiting as long as it takes, and stays connected for ever. Only a server that
 * refuses us (wrong credentials) ends it: then `onClosed` gets the reason.
 */
export async function connectBus(options: {
  url: string;
  name: string;
  log: Logger;
  onClosed?: (reason: string) => void;
  maxOutboundBytes?: number;
}): Promise<Bus> {
  const { log, maxOutboundBytes = MAX_OUTBOUND_BYTES } = options;
  const urls = options.url.split(",").map((part) => natsUrl(part.trim())!);
  const [first] = urls as [URL];
  const [user, password] = [first.username, first.password].map(decodeURIComponent);
  const patience = setTimeout(() => log.warn("waiting for NATS", { url: hosts(urls) }), 1_000);
  const nats = await connect({
    servers: urls.map((url) => `${url.hostname}:${url.port || 4222}`),
    name: options.name,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    timeout: 2_000,
    pingInterval: 5_000,
    maxPingOut: 2,
    noAsyncTraces: true,
    // A name that the client resolved by itself would become an address that --allow-net does not list.
    resolve: false,
    ...(first.protocol === "tls:" ? { tls: {} } : {}),
    ...(password ? { user, pass: password } : user ? { token: user } : {}),
  }).finally(() => clearTimeout(patience));

  let connected = true;
  let closing = false;
  let unconfirmed = 0;
  let flushing = false;
  const onDisconnect: (() => void)[] = [];
  const onReconnect: (() => void)[] = [];

  (async () => {
    for await (const status of nats.status()) {
      if (status.type === "disconnect") {
        if (!closing) log.warn("NATS is gone");
        connected = false;
        for (const callback of onDisconnect) callback();
      } else if (status.type === "reconnect") {
        log.info("NATS is back");
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

  /** One flush at a time confirms all that was sent before it. */
  const confirm = () => {
    flushing = true;
    const covered = unconfirmed;
    nats.flush().then(() => {
      unconfirmed = Math.max(0, unconfirmed - covered);
    }, () => {}).finally(() => {
      flushing = false;
      if (unconfirmed > 0 && connected) confirm();
    });
  };

  /** What this costs, if it can be sent now; else 0. */
  const costOf = (subject: string, payload: string | Uint8Array) => {
    if (!connected || unconfirmed + waiting >= maxOutboundBytes) return 0;
    // Of a text at most: counting exactly costs more than it is worth.
    const bytes = payload.length * (typeof payload === "string" ? 3 : 1) + MAX_HEADER_BYTES;
    const most = nats.info?.max_payload ?? Infinity;
    if (bytes <= most || Buffer.byteLength(payload) + MAX_HEADER_BYTES <= most) return bytes;
    log.error("too large to be published", { subject, bytes });
    return 0;
  };
  const publish = (...[subject, payload, sendOptions]: Sending) => {
    try {
      nats.publish(subject, payload, sendOptions);
    } catch (error) {
      log.error("publish failed", { subject, error: errorText(error) });
    }
  };
  /** Counts what has been published, to be confirmed. */
  const published = (bytes: number) => {
    unconfirmed += bytes;
    if (!flushing) confirm();
  };
  const soon: Sending[] = [];
  let waiting = 0;
  const sendAll = () => {
    if (soon.length === 0) return;
    for (const sending of soon) publish(...sending);
    soon.length = 0;
    published(waiting);
    waiting = 0;
  };

  return {
    nats,
    log,
    get connected() {
      return connected;
    },
    onDisconnect: (callback) => void onDisconnect.push(callback),
    onReconnect: (callback) => void onReconnect.push(callback),
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
      waiting += bytes;
      if (soon.push([subject, payload, sendOptions]) === 1) setImmediate(sendAll);
      return true;
    },
    async drain() {
      closing = true;
      sendAll();
      if (!nats.isClosed()) await nats.drain().catch(() => nats.close());
    },
  };
}

function hosts(urls: URL[]): string {
  return urls.map((url) => url.host).join(",");
}

export { createHeaders };
