/**
 * Shares what the busiest users and client addresses use with the other gateways, once a second. What was
 * used there is taken from the quotas here, and connections there count as if they were here. So a user
 * with connections to several gateways gets about as much as on one. Who uses less than a tenth of each
 * limit is not shared, and a gateway forgets what others say about rates of users that it does not know.
 *
 * @module
 */
import {
  GATEWAY_USAGE,
  GatewayUsage,
  MAX_USAGE_ADDRESSES,
  MAX_USAGE_USERS,
  USAGE_MS,
} from "../../../contract/mod.ts";
import { type Bus, subscribe } from "../../../kit/mod.ts";
import type { Account } from "./account.ts";
import type { Accounts } from "./accounts.ts";
import type { Quotas } from "./quotas.ts";

/** The share of a limit from which usage is shared. */
const SHARED_FROM = 0.1;

/** Starts sharing. `gateway` is this gateway's id. Returns a function that stops. */
export function shareUsage(bus: Bus, gateway: string, quotas: Quotas): () => void {
  const subscription = subscribe(bus, GATEWAY_USAGE, GatewayUsage, (usage) => {
    if (usage.gateway !== gateway) usedElsewhere(quotas, usage, performance.now());
  });
  const publish = (usage: Omit<GatewayUsage, "gateway">) =>
    bus.sendSoon(GATEWAY_USAGE, JSON.stringify({ gateway, ...usage } satisfies GatewayUsage));
  let told = false;
  const timer = setInterval(() => {
    const usage = usageOf(quotas, USAGE_MS);
    quotas.rest(performance.now());
    const some = usage.users.length + usage.addresses.length > 0;
    // An empty one takes back the connections of the one before.
    if (some || told) publish(usage);
    told = some;
  }, USAGE_MS);
  return () => {
    clearInterval(timer);
    subscription.unsubscribe();
    // The clients move to the others, which count them themselves.
    if (told) publish({ users: [], addresses: [] });
  };
}

/** Takes what another gateway tells. `now` is a monotonic time in milliseconds. */
export function usedElsewhere(quotas: Quotas, usage: GatewayUsage, now: number): void {
  quotas.elsewhere.told(usage, now);
  for (const { userId, used, namespaces } of usage.users) {
    const account = quotas.users.find(userId);
    account?.usedElsewhere(used, now);
    for (const { namespace, ms } of namespaces ?? []) account?.usedInElsewhere(namespace, ms, now);
  }
  for (const { address, used } of usage.addresses) {
    quotas.addresses.find(address)?.usedElsewhere(used, now);
  }
}

/** What the busiest have used since the last call, `ms` ago, and the connections that they have. */
export function usageOf(quotas: Quotas, ms: number): Omit<GatewayUsage, "gateway"> {
  const { USER_CONNECTIONS, ADDRESS_CONNECTIONS, ADDRESS_UNAUTHENTICATED } = quotas.limits;
  const users = busiestOf(
    quotas.users,
    MAX_USAGE_USERS,
    (account) => Math.max(account.usedShare(ms), account.connections / USER_CONNECTIONS),
  );
  const addresses = busiestOf(quotas.addresses, MAX_USAGE_ADDRESSES, (account) =>
    Math.max(
      account.usedShare(ms),
      account.connections / ADDRESS_CONNECTIONS,
      account.unauthenticated / ADDRESS_UNAUTHENTICATED,
    ));
  return {
    users: users.map(({ account: { key: userId, connections }, used }) => ({
      userId,
      connections,
      ...used,
    })),
    addresses: addresses.map(({ account, used: { used } }) => ({
      address: account.key,
      used,
      connections: account.connections,
      unauthenticated: account.unauthenticated,
    })),
  };
}

/** The accounts with the largest shares, and what they have used. What others have used is forgotten. */
function busiestOf(accounts: Accounts, max: number, shareOf: (account: Account) => number) {
  const busy: { account: Account; used: ReturnType<Account["takeUsed"]>; share: number }[] = [];
  for (const account of accounts.values()) {
    const share = shareOf(account);
    if (share >= SHARED_FROM) busy.push({ account, used: account.takeUsed(), share });
    else account.forgetUsed();
  }
  if (busy.length > max) busy.sort((a, b) => b.share - a.share);
  return busy.slice(0, max);
}
