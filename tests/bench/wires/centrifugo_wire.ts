/**
 * The JSON protocol of Centrifugo: commands with a number, replies with the same number, and pushes.
 *
 * @module
 */
import { TIME_DIGITS } from "../clock.ts";
import { type Delivery, type Reply, upgradeRequest, type Wire } from "../wire.ts";

/** Numbers of the commands that are not acked messages. Every command needs one. */
const [CONNECT, SUBSCRIBE, UNSUBSCRIBE, PUBLISH] = [1, 2, 3, 4];

/** Offset of the channel in a push: after `{"push":{"channel":"`. */
const CHANNEL = 20;

/** Bytes between the channel and the data of a publication: `","pub":{"data":"`. */
const BEFORE_DATA = 17;

/** Offset of the number in a reply: after `{"id":`. */
const REPLY_ID = 6;

const [QUOTE, COMMA, DIGIT_0, LETTER_I, LETTER_P, LETTER_U] = [34, 44, 48, 105, 112, 117];

/** Replies to `publish` are told apart by their number alone: a time, far above the others. */
const FIRST_TIME = 1_000;

/** Centrifugo's wire protocol. */
export const CENTRIFUGO_WIRE: Wire = {
  name: "centrifugo",
  lines: true,
  pong: "{}",
  ticket: (token) => ({
    request: upgradeRequest("/connection/websocket", []),
    hello: JSON.stringify({ id: CONNECT, connect: { token } }),
  }),
  subscribe(channel, since) {
    const resume = since === undefined ? {} : { recover: true, ...since as object };
    return JSON.stringify({ id: SUBSCRIBE, subscribe: { channel, ...resume } });
  },
  unsubscribe: (channel) => JSON.stringify({ id: UNSUBSCRIBE, unsubscribe: { channel } }),
  message(channel, id, content) {
    // The time goes first, because other fields may follow the data. A number holds its low 32 bits.
    const time = content.slice(-TIME_DIGITS);
    const data = time + content.slice(0, -TIME_DIGITS);
    const number = id === undefined ? PUBLISH : Number(id.slice(0, TIME_DIGITS)) % 2 ** 32;
    return `{"id":${number},"publish":{"channel":"${channel}","data":"${data}"}}`;
  },
  positionOf(subscribed, last) {
    const { epoch, offset = 0 } = JSON.parse(subscribed).subscribe;
    return { epoch, offset: last === undefined ? offset : JSON.parse(last).push.pub.offset };
  },
  deliveredAt(buffer, start, end) {
    // A ping, `{}`, ends before these bytes.
    if (end - start < CHANNEL) return -1;
    if (buffer[start + 2] !== LETTER_P || buffer[start + 3] !== LETTER_U) return -1;
    let at = start + CHANNEL;
    while (at < end && buffer[at] !== QUOTE) at++;
    // `","pub":`, not `","join":` or `","leave":`.
    if (buffer[at + 3] !== LETTER_P || buffer[at + 4] !== LETTER_U) return -1;
    return at + BEFORE_DATA;
  },
  acked(buffer, start, end, now) {
    if (end - start < REPLY_ID || buffer[start + 2] !== LETTER_I) return -1;
    let id = 0;
    for (let at = start + REPLY_ID; buffer[at] !== COMMA; at++) {
      id = id * 10 + buffer[at]! - DIGIT_0;
    }
    if (id < FIRST_TIME) return -1;
    const low = now % 2 ** 32;
    return now - (low >= id ? low - id : low + 2 ** 32 - id);
  },
  read(text): Reply {
    if (!text.startsWith('{"id":')) return { kind: "other" };
    const { id, error } = JSON.parse(text);
    if (error !== undefined) {
      return { kind: "error", code: error.temporary ? "temporary" : String(error.code) };
    }
    if (id === CONNECT) return { kind: "authenticated" };
    return { kind: id === SUBSCRIBE ? "subscribed" : "other" };
  },
  replayed(text): Delivery[] {
    if (!text.includes('"publications":[')) return [];
    const { subscribe: { publications } } = JSON.parse(text);
    return publications.map((pub: { data: string }) => ({
      due: Number(pub.data.slice(0, TIME_DIGITS)),
      text: JSON.stringify({ push: { pub } }),
    }));
  },
};
