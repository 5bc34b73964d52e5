/**
 * The headers of messages on the bus, as schemas.
 *
 * @module
 */
import * as z from "zod";
import { ERRORS, HEADERS, Traceparent } from "../../../contract/mod.ts";
import type { NamedSchemas } from "../json_schemas.ts";

const TRACE = {
  [HEADERS.traceparent]: Traceparent.optional().describe("The trace that the message is part of."),
};
const Digits = z.string().regex(/^\d+$/);

/** The headers of each kind of message, by the names of their schemas. */
export const HEADER_SCHEMAS: NamedSchemas = {
  TraceHeaders: z.object(TRACE).describe("The headers of events, requests and replies."),
  StoreHeaders: z.object({
    [HEADERS.messageId]: z.string().optional().describe(
      "The key of deduplication: of messages with the same one within two minutes the first is " +
        "stored.",
    ),
    ...TRACE,
  }).describe("The headers of a message that is to be stored."),
  StoredHeaders: z.object({
    [HEADERS.sequence]: Digits.describe("The message's `seq`. Of several values the last counts."),
    [HEADERS.lastSequence]: Digits.describe(
      "The `seq` of the room's message before, its `prev`. Of several values the last counts. 0 if the room " +
        "had none, or has moved from another stream of the log since.",
    ),
    [HEADERS.storedAt]: z.string().optional().describe(
      "When the server stored the message, RFC 3339; since nats-server 2.10.",
    ),
    ...TRACE,
  }).describe("The headers that nats-server adds to a message that it has stored."),
  RefusalHeaders: z.object({
    [HEADERS.error]: z.string().describe("What is wrong, for people."),
    [HEADERS.errorNumber]: Digits.describe("A number like HTTP's."),
    [HEADERS.errorCode]: z.enum(Object.keys(ERRORS)).optional().describe(
      "A code of the table of error codes. Without it the number decides.",
    ),
    [HEADERS.retryAfter]: Digits.optional().describe(
      "How long to wait before another try, milliseconds.",
    ),
  }).describe("The headers of a reply that refuses a request. Its payload is empty."),
};
