/**
 * Messages, signals and presence states as frames: encoding what is sent, decoding what arrives.
 *
 * @module
 */
import type { ServerFrameOf } from "../services/contract/frames.ts";
import { HopwireError } from "./errors.ts";
import type { Message } from "./types.ts";

/** Largest content that the server accepts, bytes of JSON in UTF-8 (contract/limits.ts). */
const MAX_CONTENT_BYTES = 32 * 1024;

/** Largest presence state that the server accepts, bytes of JSON in UTF-8 (contract/limits.ts). */
const MAX_PRESENCE_BYTES = 1_024;

/** Most bytes of UTF-8 that one UTF-16 code unit can take. */
const MAX_BYTES_PER_CODE_UNIT = 3;

const encoder = new TextEncoder();

/**
 * Returns the JSON of a message's or signal's content.
 *
 * @throws {HopwireError} `invalid_format` if `content` has no JSON, such as undefined or a function;
 * `too_large` above 32 KiB
 * @throws {TypeError} `content` contains a cycle or a bigint
 */
export function encodeContent(content: unknown): string {
  const json = JSON.stringify(content);
  if (json === undefined) {
    throw new HopwireError("invalid_format", "content: cannot be represented as JSON");
  }
  checkSize("content", json, MAX_CONTENT_BYTES);
  return json;
}

/**
 * Returns the JSON of a presence state.
 *
 * @throws {HopwireError} `invalid_format` if `state` is neither null nor a JSON object; `too_large`
 * above 1 KiB
 * @throws {TypeError} `state` contains a cycle or a bigint
 */
export function encodePresence(state: unknown): string {
  const json = JSON.stringify(state) ?? "";
  if (json[0] !== "{" && json !== "null") {
    throw new HopwireError("invalid_format", "presence: expected an object or null");
  }
  checkSize("presence", json, MAX_PRESENCE_BYTES);
  return json;
}

function checkSize(name: string, json: string, limit: number): void {
  // Count the bytes only if they could exceed the limit.
  const mayExceed = json.length * MAX_BYTES_PER_CODE_UNIT > limit;
  const bytes = mayExceed ? encoder.encode(json).length : 0;
  if (bytes > limit) {
    throw new HopwireError("too_large", `${name}: ${bytes} bytes, the limit is ${limit}`);
  }
}

/**
 * Returns the text of a frame with already encoded content. The content is encoded once, when it is
 * passed in: changes to the value afterwards do not reach a frame that is sent later or again.
 */
export function encodeFrame(frame: object, contentJson: string): string {
  return `${JSON.stringify(frame).slice(0, -1)},"content":${contentJson}}`;
}

/** Returns the message in a `room-message` frame. */
export function decodeMessage({ type: _, ...message }: ServerFrameOf<"room-message">): Message {
  return message as Message;
}

/** Returns a message id of 128 random bits. `crypto.randomUUID` exists only in secure contexts. */
export function randomMessageId(): string {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(words, (word) => word.toString(36)).join("-");
}

/**
 * Checks an application's message id.
 *
 * @throws {HopwireError} `invalid_format`
 */
export function checkMessageId(id: string): void {
  if (/^[\x21-\x7e]{1,64}$/.test(id)) return;
  throw new HopwireError("invalid_format", "id: expected 1 to 64 visible ASCII characters");
}
