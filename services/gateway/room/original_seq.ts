/**
 * The seq of a message whose room has moved to another stream since. There its id stands for it, so that NATS
 * recognises it when it is sent again.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import * as z from "zod";
import { HEADERS } from "../../contract/mod.ts";
import type { Bus } from "../../kit/mod.ts";

/** How long the stream may take to answer, milliseconds. */
const TIMEOUT_MS = 2_000;

/** JetStream's answer, as far as it is needed. */
const Answer = z.object({ message: z.object({ hdrs: z.base64().optional() }) });

const MOVED = new RegExp(`^${HEADERS.movedSeq}: *(\\d+)`, "m");

/**
 * Returns the seq of the message that stands at a seq of a stream, or for which another one stands there.
 *
 * @throws {Error} if the stream's leader does not answer, or has no such message
 */
export async function originalSeq(bus: Bus, stream: string, seq: number): Promise<number> {
  const reply = await bus.nats.request(
    `$JS.API.STREAM.MSG.GET.${stream}`,
    JSON.stringify({ seq }),
    { timeout: TIMEOUT_MS },
  );
  const { message: { hdrs = "" } } = Answer.parse(reply.json());
  const moved = MOVED.exec(Buffer.from(hdrs, "base64").toString())?.[1];
  return moved === undefined ? seq : Number(moved);
}
