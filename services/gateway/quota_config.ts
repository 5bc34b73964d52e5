/**
 * The variables that limit users and client addresses over all of their connections.
 *
 * @module
 */
import { integer } from "../kit/mod.ts";

/** The schemas of the variables. */
export const QUOTA_CONFIG = {
  USER_CONNECTIONS: integer(1, 1_000_000).default(200).meta({
    description:
      "The largest number of connections of one user to all gateways. One more is closed with 4005, " +
      "or with 4104 if this gateway alone has fewer.",
    unit: "connections",
  }),
  USER_RATE_FRAMES: integer(1, 1_000_000_000).default(400).meta({
    description: "The sustained rate of frames of one user.",
    unit: "frames/s",
  }),
  USER_RATE_BYTES: integer(65_536, 1_000_000_000_000).default(4_194_304).meta({
    description:
      "The sustained rate of bytes in the frames of one user. In frames above 1 KiB each " +
      "comma and opening bracket costs 64 bytes more.",
    unit: "bytes/s",
  }),
  USER_RATE_MESSAGES: integer(1, 1_000_000_000).default(100).meta({
    description: "The sustained rate of messages and signals of one user, where the namespace " +
      "sets no `rate`.",
    unit: "messages/s",
  }),
  USER_RATE_JOINS: integer(1, 1_000_000_000).default(100).meta({
    description: "The sustained rate of `subscribe` frames of one user.",
    unit: "joins/s",
  }),
  USER_RATE_NEW_ROOMS: integer(1, 1_000_000_000).default(20).meta({
    description:
      "The sustained rate at which the gateway opens rooms for one user. Rooms that it " +
      "serves already cost nothing.",
    unit: "rooms/s",
  }),
  USER_RATE_HISTORY_BYTES: integer(65_536, 1_000_000_000_000).default(4_194_304).meta({
    description:
      "The sustained rate of bytes of history that one user gets, in pages or replayed " +
      "when it joins, and of pages of members. A replay waits where a page is refused.",
    unit: "bytes/s",
  }),
  USER_RATE_CALLS: integer(1, 1_000_000_000).default(50).meta({
    description: "The sustained rate of `call` frames of one user.",
    unit: "calls/s",
  }),
  USER_RATE_TRACES: integer(1, 1_000_000).default(5).meta({
    description:
      "The sustained rate of frames of one user that are traced because the client asks " +
      "for it, beyond those that `TRACE_RATIO` chooses.",
    unit: "traces/s",
  }),
  RATE_TRACES: integer(1, 1_000_000).default(50).meta({
    description: "The sustained rate of such frames of all users of the gateway.",
    unit: "traces/s",
  }),
  USER_BURST_SECONDS: integer(1, 3_600).default(10).meta({
    description: "A user may use at once, after a pause, what these rates allow in this time.",
    unit: "s",
  }),
  USER_ROOMS_OPENED: integer(1, 1_000_000).default(1_000).meta({
    description: "The largest number of rooms that the gateway has opened for one user and still " +
      "serves.",
    unit: "rooms",
  }),
  USER_PENDING_ANSWERS: integer(1, 1_000_000).default(64).meta({
    description:
      "The largest number of requests (`history`, `presence`, `call`) of one user that " +
      "are in progress.",
    unit: "requests",
  }),
  USER_PENDING_PUBLISHES: integer(1, 8_192).default(512).meta({
    description:
      "How many messages of one user may wait to be stored, of 8,192 in all. While they " +
      "do, the gateway reads nothing from the connection that sent the last one.",
    unit: "messages",
  }),
  ADDRESS_FACTOR: integer(1, 1_000_000).default(50).meta({
    description:
      "A client address (for IPv6 a /64 network) may use as much as this many users: of " +
      "each rate, and of rooms.",
    unit: "users",
  }),
  ADDRESS_CONNECTIONS: integer(1, 1_000_000).default(5_000).meta({
    description:
      "The largest number of connections from one address to all gateways. A gateway answers 429 to " +
      "one more. Clients behind a proxy need `TRUSTED_PROXIES`, or they have its address.",
    unit: "connections",
  }),
  ADDRESS_UNAUTHENTICATED: integer(1, 1_000_000).default(2_000).meta({
    description:
      "The largest number of connections from one address to all gateways that have not authenticated " +
      "yet. A gateway answers 429 to one more.",
    unit: "connections",
  }),
} as const;
