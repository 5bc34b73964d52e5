/**
 * Reads a room's stored messages page by page.
 *
 * @module
 */
import type { ServerFrameOf } from "../services/contract/frames.ts";
import { decodeMessage } from "./message_codec.ts";
import type { HistoryOptions } from "./options.ts";
import type { SendRequest } from "./room_client.ts";
import type { Message } from "./types.ts";

/** Default number of messages in one request. */
const PAGE_SIZE = 50;

/** Yields the stored messages of `room`. Requests a page when the one before it has been read. */
export async function* readHistory(
  room: string,
  options: HistoryOptions,
  request: SendRequest,
): AsyncGenerator<Message, void, void> {
  const { before, after, pageSize: limit = PAGE_SIZE, signal } = options;
  let cursor: object = after === undefined ? { before } : { after };
  for (;;) {
    const frame = { type: "history", room, limit, ...cursor };
    const page = await request(frame, { signal }) as ServerFrameOf<"history">;
    for (const message of page.messages) yield decodeMessage(message);
    const last = page.messages.at(-1);
    if (!page.more || last === undefined) return;
    const { epoch } = page;
    cursor = after === undefined ? { before: last.seq, epoch } : { after: last.seq, epoch };
  }
}
