/**
 * What gateways tell each other about what users use, so that quotas hold for all gateways together,
 * approximately. No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";
import { UserId } from "./frame_fields.ts";
import { GatewayId } from "./presence.ts";

/** The subject of a gateway's usage, published once a second if there is any. */
export const GATEWAY_USAGE = "gateway.usage";

/** How often a gateway publishes its usage, milliseconds. */
export const USAGE_MS = 1_000;

/** The most users in one message: the busiest. A message has some 100 KB at most. */
export const MAX_USAGE_USERS = 200;

/** The most addresses in one message. */
export const MAX_USAGE_ADDRESSES = 200;

/** The most namespaces with a rate of their own for which one user's messages are told. */
export const MAX_USAGE_NAMESPACES = 8;

/** For how long the connections that a gateway has told of count without another message, milliseconds. */
export const USAGE_TTL_MS = 3 * USAGE_MS;

/** What is limited by rate, in the order in which usage is published. */
export const QUOTAS = [
  "frames",
  "bytes",
  "messages",
  "joins",
  "rooms",
  "history",
  "calls",
] as const;

/** What has been used of each of {@link QUOTAS} since the last message. */
const Used = z.array(z.number().int().min(0).max(1e12)).length(QUOTAS.length);
/** How many connections are open. */
const Connections = z.number().int().min(0).max(1e9).default(0);

/** The payload of {@link GATEWAY_USAGE}. */
export const GatewayUsage = z.object({
  gateway: GatewayId,
  users: z.array(z.object({
    userId: UserId,
    used: Used,
    /** In namespaces with a rate of their own: the time that the user's messages take at that rate. */
    namespaces: z.array(z.object({
      namespace: z.string().min(1).max(300),
      ms: z.number().int().min(0).max(1e9),
    })).max(MAX_USAGE_NAMESPACES).optional(),
    connections: Connections,
  })).max(MAX_USAGE_USERS),
  /** Client addresses; for IPv6 their /64 networks. */
  addresses: z.array(z.object({
    address: z.string().min(1).max(64),
    used: Used,
    connections: Connections,
    unauthenticated: Connections,
  })).max(MAX_USAGE_ADDRESSES).default([]),
});
/** The parsed form of {@link GatewayUsage}. */
export type GatewayUsage = z.infer<typeof GatewayUsage>;
