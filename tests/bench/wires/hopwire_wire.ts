/**
 * The frames of Hopwire. The baseline and the Bun server speak them too, because the bench does not
 * compare formats where it can choose.
 *
 * @module
 */
import { TIME_DIGITS, timeAt } from "../clock.ts";
import { type Reply, upgradeRequest, type Wire } from "../wire.ts";

/** Offset of the id in an ack: after `{"type":"ack","id":"`. */
const ACK_ID = 20;

/** Bytes after the time in a delivery: `"}`. */
const AFTER_TIME = 2;

const [QUOTE, LETTER_A, LETTER_C, LETTER_M, LETTER_R] = [34, 97, 99, 109, 114];

/** Hopwire's wire protocol. */
export const HOPWIRE_WIRE: Wire = {
  name: "hopwire",
  lines: false,
  pong: null,
  ticket: (token) => ({
    request: upgradeRequest("/ws", [`Authorization: Bearer ${token}`]),
    hello: null,
  }),
  subscribe: (room, since) => JSON.stringify({ type: "subscribe", room, since }),
  unsubscribe: (room) => JSON.stringify({ type: "unsubscribe", room }),
  message(room, id, content) {
    const own = id === undefined ? "" : `"id":"${id}",`;
    return `{"type":"message","room":"${room}",${own}"content":"${content}"}`;
  },
  positionOf(subscribed, last) {
    const { seq, epoch } = JSON.parse(subscribed);
    return { seq: last === undefined ? seq : JSON.parse(last).seq, epoch };
  },
  // The content is the last field and ends with the time: `...0123456789012345"}`.
  deliveredAt(buffer, start, end) {
    if (buffer[start + 9] !== LETTER_R || buffer[start + 14] !== LETTER_M) return -1;
    return end - AFTER_TIME - TIME_DIGITS;
  },
  acked(buffer, start) {
    if (
      buffer[start + 9] !== LETTER_A || buffer[start + 10] !== LETTER_C ||
      buffer[start + 19] !== QUOTE
    ) return -1;
    return timeAt(buffer, start + ACK_ID);
  },
  read(text): Reply {
    if (text.startsWith('{"type":"authenticated"')) return { kind: "authenticated" };
    if (text.startsWith('{"type":"subscribed"')) {
      return { kind: "subscribed", room: JSON.parse(text).room };
    }
    if (!text.startsWith('{"type":"error"')) return { kind: "other" };
    const { code, retryAfter, room } = JSON.parse(text);
    return { kind: "error", code, retryAfter, room };
  },
  replayed: null,
};
