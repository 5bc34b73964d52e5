/**
 * Copies of a JetStream stream by the server's own API (ADR-1: snapshot and restore), while the server
 * runs.
 *
 * @module
 */
import { createInbox, type NatsConnection } from "@nats-io/transport-node";
import * as z from "zod";

/** Bytes of one chunk of a snapshot. */
const CHUNK_BYTES = 128 * 1024;

/** How long the server may take for a reply or a chunk, milliseconds. */
const TIMEOUT_MS = 30_000;

/** The reply of JetStream's API, as far as it is needed. */
const Reply = z.looseObject({
  error: z.object({ code: z.number(), description: z.string() }).optional(),
  config: z.unknown().optional(),
  state: z.looseObject({ messages: z.number(), last_seq: z.number() }).optional(),
  deliver_subject: z.string().optional(),
});

/** What describes a snapshot: the stream's configuration and state, as JetStream wants them back. */
export const SnapshotHead = z.object({
  config: z.unknown(),
  state: z.looseObject({ messages: z.number(), last_seq: z.number() }),
});
/** The parsed form of {@link SnapshotHead}. */
export type SnapshotHead = z.infer<typeof SnapshotHead>;

/**
 * Reads a snapshot of a stream. `write` stores each chunk; the server waits for it.
 *
 * @throws {Error} if the server refuses or stops sending
 */
export async function takeSnapshot(
  nats: NatsConnection,
  stream: string,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<SnapshotHead> {
  const inbox = createInbox(inboxPrefix(nats));
  const chunks = nats.subscribe(inbox, { timeout: TIMEOUT_MS });
  const reply = await api(nats, `$JS.API.STREAM.SNAPSHOT.${stream}`, {
    deliver_subject: inbox,
    no_consumers: true,
    chunk_size: CHUNK_BYTES,
  });
  const head = SnapshotHead.parse(reply);
  for await (const chunk of chunks) {
    // An empty message ends the snapshot, or says why it failed.
    if (chunk.data.length === 0) {
      const { code = 204, description } = chunk.headers ?? {};
      if (code >= 400) throw new Error(`the snapshot failed: ${description}`);
      break;
    }
    await write(chunk.data);
    chunk.respond();
  }
  chunks.unsubscribe();
  return head;
}

/**
 * Creates a stream from a snapshot.
 *
 * @throws {Error} if the server refuses, for example because the stream exists
 */
export async function restoreSnapshot(
  nats: NatsConnection,
  stream: string,
  head: SnapshotHead,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { deliver_subject } = await api(nats, `$JS.API.STREAM.RESTORE.${stream}`, head);
  if (deliver_subject === undefined) throw new Error("the server accepts no snapshot");
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
      const part = chunk.subarray(at, at + CHUNK_BYTES);
      const answer = await nats.request(deliver_subject, part, { timeout: TIMEOUT_MS });
      if (answer.data.length > 0) fail(answer.json());
    }
  }
  fail((await nats.request(deliver_subject, "", { timeout: TIMEOUT_MS })).json());
}

async function api(nats: NatsConnection, subject: string, payload: unknown) {
  const message = await nats.request(subject, JSON.stringify(payload), { timeout: TIMEOUT_MS });
  return fail(message.json());
}

/** Throws the error of a reply, if it has one. */
function fail(json: unknown): z.infer<typeof Reply> {
  const reply = Reply.parse(json);
  if (reply.error !== undefined) throw new Error(reply.error.description);
  return reply;
}

/** The prefix of inboxes that this connection may subscribe to. */
function inboxPrefix(nats: NatsConnection): string | undefined {
  return (nats as { options?: { inboxPrefix?: string } }).options?.inboxPrefix;
}
