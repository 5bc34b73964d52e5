/**
 * The quotas of a gateway: what users and client addresses may use of it, over all of their connections.
 *
 * @module
 */
import type { SessionLimits } from "../session_limits.ts";
import type { Rate, Rates } from "./account.ts";
import { addressKey } from "./address_key.ts";
import { Accounts } from "./accounts.ts";
import { ConnectionsElsewhere } from "./connections_elsewhere.ts";
import { Pages } from "./pages.ts";

/** The settings of the quotas, named as the gateway's variables are. */
export interface QuotaLimits {
  /** What a user may do each second. */
  USER_RATE_FRAMES: number;
  USER_RATE_BYTES: number;
  USER_RATE_MESSAGES: number;
  USER_RATE_JOINS: number;
  USER_RATE_NEW_ROOMS: number;
  USER_RATE_HISTORY_BYTES: number;
  USER_RATE_CALLS: number;
  /** A user may use at once what the rates allow in this time, seconds. */
  USER_BURST_SECONDS: number;
  /** What a user may have at a time. */
  USER_CONNECTIONS: number;
  USER_ROOMS_OPENED: number;
  USER_PENDING_ANSWERS: number;
  USER_PENDING_PUBLISHES: number;
  /** An address may use as much as this many users. */
  ADDRESS_FACTOR: number;
  /** What an address may have at a time. */
  ADDRESS_CONNECTIONS: number;
  ADDRESS_UNAUTHENTICATED: number;
  /** Bytes of history pages on their way to clients. */
  HISTORY_BUDGET_BYTES: number;
}

/** See the module's doc. One per gateway. */
export class Quotas {
  readonly limits: QuotaLimits;
  readonly users: Accounts;
  readonly addresses: Accounts;
  /** Places for pages that clients request, and for those that are replayed. */
  readonly pages: Pages;
  readonly replays = new Pages();
  /** Connections of busy users and addresses at other gateways. */
  readonly elsewhere = new ConnectionsElsewhere();
  /** Connections that have not authenticated. */
  unauthenticated = 0;

  /** All accounts begin full. */
  constructor(limits: QuotaLimits) {
    this.limits = limits;
    this.users = new Accounts(ratesOf(limits, 1));
    this.addresses = new Accounts(ratesOf(limits, limits.ADDRESS_FACTOR));
    this.pages = new Pages(limits.HISTORY_BUDGET_BYTES);
  }

  /** The rate that a client should keep to: what its connection and its user may send. */
  announcedRate({ RATE_FRAMES_PER_SECOND, RATE_BURST }: SessionLimits): Rate {
    const { USER_RATE_MESSAGES: perSecond, USER_BURST_SECONDS } = this.limits;
    return {
      perSecond: Math.min(RATE_FRAMES_PER_SECOND, perSecond),
      burst: Math.min(RATE_BURST, perSecond * USER_BURST_SECONDS),
    };
  }

  /** Whether an address has as many connections as it may, in all or without having authenticated. */
  addressIsFull(address: string): boolean {
    const { ADDRESS_CONNECTIONS, ADDRESS_UNAUTHENTICATED } = this.limits;
    const key = addressKey(address);
    const account = this.addresses.find(key);
    const elsewhere = this.elsewhere.ofAddress(key, performance.now());
    const connections = (account?.connections ?? 0) + elsewhere.connections;
    const unauthenticated = (account?.unauthenticated ?? 0) + elsewhere.unauthenticated;
    return connections >= ADDRESS_CONNECTIONS || unauthenticated >= ADDRESS_UNAUTHENTICATED;
  }

  /** Frees what accounts take whose quotas are full again. `now` is a monotonic time in milliseconds. */
  rest(now: number): void {
    for (const table of [this.users, this.addresses]) {
      for (const account of table.values()) account.rested(now);
    }
  }
}

/** The rates of an account that may use as much as `users` users. */
function ratesOf(limits: QuotaLimits, users: number): Rates {
  const rate = (perSecond: number) => ({
    perSecond: perSecond * users,
    burst: perSecond * users * limits.USER_BURST_SECONDS,
  });
  return {
    frames: rate(limits.USER_RATE_FRAMES),
    bytes: rate(limits.USER_RATE_BYTES),
    messages: rate(limits.USER_RATE_MESSAGES),
    joins: rate(limits.USER_RATE_JOINS),
    rooms: rate(limits.USER_RATE_NEW_ROOMS),
    history: rate(limits.USER_RATE_HISTORY_BYTES),
    calls: rate(limits.USER_RATE_CALLS),
  };
}
