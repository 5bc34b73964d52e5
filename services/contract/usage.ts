/**
 * What gateways tell each other about what users use, so that quotas hold for all gateways together,
 * approximately. No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";
import { UserId } from "./bus.ts";
import { GatewayId } from "./presence.ts";

/** The subject of a gateway's usage, published once a second if there is any. */
export const GATEWAY_USAGE = "gateway.usage";

/** How often a gateway publishes its usage, milliseconds. */
export const USAGE_MS = 1_000;

/** The most users in one message: the busiest. A message has at most 60 KB. */
export const MAX_USAGE_USERS = 200;

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

/** The payload of {@link GATEWAY_USAGE}. */
export const GatewayUsage = z.object({
  gateway: GatewayId,
  users: z.array(z.object({
    userId: UserId,
    /** What the user has used of each of {@link QUOTAS} since the last message. */
    used: z.array(z.number().int().min(0).max(1e12)).length(QUOTAS.length),
  })).max(MAX_USAGE_USERS),
});
/** The parsed form of {@link GatewayUsage}. */
export type GatewayUsage = z.infer<typeof GatewayUsage>;
