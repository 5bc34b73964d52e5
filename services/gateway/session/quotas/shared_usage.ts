/**
 * Shares what the busiest users use with the other gateways, once a second: what a user used there is taken
 * from its quotas here. So a user with connections to several gateways gets about as much as on one. Users
 * that use less than a tenth of each rate are not shared, and a gateway forgets what others say about users
 * that it does not know.
 *
 * @module
 */
import { GATEWAY_USAGE, GatewayUsage, MAX_USAGE_USERS, USAGE_MS } from "../../../contract/mod.ts";
import { type Bus, subscribe } from "../../../kit/mod.ts";
import type { Accounts } from "./accounts.ts";

/** The share of a rate from which a user's usage is shared. */
const SHARED_FROM = 0.1;

/** Starts sharing. `gateway` is this gateway's id. Returns a function that stops. */
export function shareUsage(bus: Bus, gateway: string, users: Accounts): () => void {
  const subscription = subscribe(bus, GATEWAY_USAGE, GatewayUsage, (usage) => {
    if (usage.gateway === gateway) return;
    const now = performance.now();
    for (const { userId, used } of usage.users) users.find(userId)?.usedElsewhere(used, now);
  });
  const timer = setInterval(() => {
    const busiest = busiestOf(users, USAGE_MS);
    const now = performance.now();
    for (const account of users.values()) account.rested(now);
    if (busiest.length === 0) return;
    bus.sendSoon(GATEWAY_USAGE, JSON.stringify({ gateway, users: busiest } satisfies GatewayUsage));
  }, USAGE_MS);
  return () => {
    clearInterval(timer);
    subscription.unsubscribe();
  };
}

/** What the busiest users have used since the last call, `ms` ago. At most {@link MAX_USAGE_USERS}. */
export function busiestOf(users: Accounts, ms: number): GatewayUsage["users"] {
  const busy: { userId: string; used: number[]; share: number }[] = [];
  for (const account of users.values()) {
    const share = account.usedShare(ms);
    if (share === 0) continue;
    const used = account.takeUsed();
    if (share >= SHARED_FROM) busy.push({ userId: account.key, used, share });
  }
  if (busy.length > MAX_USAGE_USERS) busy.sort((a, b) => b.share - a.share);
  return busy.slice(0, MAX_USAGE_USERS).map(({ userId, used }) => ({ userId, used }));
}
