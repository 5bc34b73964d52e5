/**
 * Leaves a NATS server that is cut off from its cluster. Such a server keeps its clients and answers their
 * pings, but JetStream does not answer through it, so a service there can do nothing. Another server may.
 *
 * @module
 */
import type { Bus } from "./bus.ts";
import { leadership, type Replicas } from "./stream_leader.ts";

/** How often JetStream is asked, milliseconds; each time is up to a third shorter. */
const ASK_MS = 2_000;

/** When it is asked again after a first answer of a leader that is cut off, milliseconds. */
const ASK_AGAIN_MS = 500;

/** How long JetStream may take to answer, milliseconds. */
const TIMEOUT_MS = 2_000;

/**
 * For how long JetStream must not have answered, milliseconds. The replicas of a stream take 4 to 9 s to elect
 * a leader, whichever server is asked.
 */
const SILENT_MS = 10_000;

/**
 * For how long it must have answered that it is unavailable, milliseconds. A server says that when it has had
 * no leader for ten seconds, so it need not be waited for.
 */
const UNAVAILABLE_MS = 3_000;

/**
 * What JetStream answers: `yes`; `no`, nothing or a server that knows no leader; that it is `unavailable`; or
 * `cut off`, a leader that has not heard of most replicas for seconds.
 */
type Answer = "yes" | "no" | "unavailable" | "cut off";

/** The longest time between two changes of the server, milliseconds: no other one may be better. */
const MAX_WAIT_MS = 60_000;

/**
 * Watches JetStream from now on by asking for `stream`, whose information this user of NATS may request.
 * A server that is in no cluster is never left. Returns a function that stops.
 */
export function leaveCutOffServer(bus: Bus, stream: string): () => void {
  let answeredAt = performance.now();
  let patience = SILENT_MS;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let before: Answer = "yes";
  /** For how long it may go on like that, milliseconds. */
  const allowed = (answer: Answer) => {
    if (answer === "unavailable") return patience * UNAVAILABLE_MS / SILENT_MS;
    // It has been silent already, and the others elect another leader. But once may be chance.
    if (answer === "cut off" && before === "cut off") return patience - SILENT_MS;
    return patience;
  };
  /** The server to leave. */
  let left: string | undefined;
  const forget = bus.onReconnect(() => {
    // A new server gets its time.
    answeredAt = performance.now();
    const again = left !== undefined && bus.nats.info?.server_id === left;
    left = undefined;
    // The client library's turn may begin with the same server.
    if (again && !stopped) bus.nats.reconnect().catch(() => {});
  });
  const ask = async () => {
    const answer = bus.nats.info?.cluster === undefined ? "yes" : await answers(bus, stream);
    if (answer === "yes") {
      answeredAt = performance.now();
      patience = SILENT_MS;
    } else if (bus.connected && !stopped && performance.now() - answeredAt > allowed(answer)) {
      bus.log.warn("JetStream does not answer through this NATS server; trying another one", {
        server: bus.nats.info?.server_name,
      });
      answeredAt = performance.now();
      patience = Math.min(patience * 2, MAX_WAIT_MS);
      left = bus.nats.info?.server_id;
      await bus.nats.reconnect().catch(() => {});
    }
    const wait = answer === "cut off" && before !== answer ? ASK_AGAIN_MS : ASK_MS;
    before = answer;
    if (!stopped) timer = setTimeout(ask, wait * (1 - Math.random() / 3));
  };
  timer = setTimeout(ask, ASK_MS * Math.random());
  return () => {
    stopped = true;
    clearTimeout(timer);
    forget();
  };
}

/** Asks for the stream. That there is none yet is an answer. */
async function answers(bus: Bus, stream: string): Promise<Answer> {
  if (!bus.connected) return "no";
  try {
    const options = { timeout: TIMEOUT_MS };
    const reply = await bus.nats.request(`$JS.API.STREAM.INFO.${stream}`, "", options);
    const { error, ...info } = reply.json() as { error?: { code?: number } } & Replicas;
    if (error !== undefined) return error.code === 503 ? "unavailable" : "yes";
    return YES_OR_NO[leadership(info)];
  } catch {
    return "no";
  }
}

const YES_OR_NO = { leader: "yes", none: "no", "cut off": "cut off" } as const;
