/**
 * What one session may still do: the limits of its connection, of its user and of its client's address.
 *
 * @module
 */
import { type Fault, fault } from "../../../contract/mod.ts";
import { FaultError } from "../../../kit/mod.ts";
import { RateLimit } from "../rate_limit.ts";
import type { Account, Quota } from "./account.ts";
import { addressKey } from "./address_key.ts";
import type { Quotas } from "./quotas.ts";

/** Characters of a frame that is not looked at: it cannot take long to parse. */
const SIMPLE_FRAME = 1_024;

/**
 * The price of a value in a larger frame, bytes. Parsing 60 KB takes 16 us if it is one string, and up to
 * 14 ms if it is arrays in arrays, about 200 ns for each.
 */
const VALUE_PRICE = 64;

/** What a refusal says about each quota. */
const DETAILS: Record<Quota, string> = {
  frames: "frames",
  bytes: "bytes",
  messages: "messages",
  joins: "joins",
  rooms: "new rooms",
  history: "history",
  calls: "calls",
};

/** What stands before a value, if only in a string. */
const MARKS = [",", "[", "{"];

/** Marks that are searched for one by one, which takes 1.6 us in 30 KB of text without any. */
const FEW_MARKS = 256;

/** What the values in a frame cost beside its bytes. Marks in strings count, too. */
function structureOf(text: string): number {
  let values = 0;
  for (const mark of MARKS) {
    for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1)) {
      if (++values > FEW_MARKS) return countMarks(text) * VALUE_PRICE;
    }
  }
  return values * VALUE_PRICE;
}

function countMarks(text: string): number {
  let marks = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // "," "[" "{"
    if (code === 44 || code === 91 || code === 123) marks++;
  }
  return marks;
}

/** See the module's doc. */
export class Allowance {
  readonly #quotas: Quotas;
  readonly #connection: RateLimit;
  readonly #address: Account;
  #user: Account | null = null;
  #ended = false;

  /** Counts a new connection of `address`, which sends at most as many frames as `connection` allows. */
  constructor(quotas: Quotas, address: string, connection: RateLimit) {
    this.#quotas = quotas;
    this.#connection = connection;
    this.#address = quotas.addresses.hold(addressKey(address));
    this.#address.connections++;
    this.#address.unauthenticated++;
    quotas.unauthenticated++;
  }

  /** The account that the session's requests count for: its user's, or its address's before it has one. */
  get account(): Account {
    return this.#user ?? this.#address;
  }

  /**
   * The session has a user now. Returns how to close the connection if the user has too many. Those at other
   * gateways may be closed already, so where it is they that are too many, the client may come back.
   */
  authenticated(userId: string): "too_many_violations" | "unavailable" | null {
    if (this.#ended || this.#user !== null) return null;
    const { users, elsewhere, limits } = this.#quotas;
    this.#address.unauthenticated--;
    this.#quotas.unauthenticated--;
    this.#user = users.hold(userId);
    const here = ++this.#user.connections;
    if (here > limits.USER_CONNECTIONS) return "too_many_violations";
    const all = here + elsewhere.ofUser(userId, performance.now());
    return all > limits.USER_CONNECTIONS ? "unavailable" : null;
  }

  /** Takes a frame of `bytes`, before anybody parses it. Returns the refusal, or null. */
  frame(text: string, bytes: number, now: number): Fault | null {
    const wait = this.#connection.take(now);
    if (wait > 0) return fault("rate_limited", undefined, wait);
    const refusal = this.#refusal("frames", 1, now) ?? this.#refusal("bytes", bytes, now);
    if (refusal !== null || text.length <= SIMPLE_FRAME) return refusal;
    const structure = structureOf(text);
    this.#user?.charge("bytes", structure, now);
    this.#address.charge("bytes", structure, now);
    return null;
  }

  /** Takes a ping or a pong, which counts as a frame of the connection. Returns whether it may come. */
  control(now: number): boolean {
    return this.#connection.take(now) === 0;
  }

  /** Takes `cost` from a quota. Returns 0, or the milliseconds until there is as much. */
  take(quota: Quota, cost: number, now: number): number {
    return (this.#user?.take(quota, cost, now) ?? 0) || this.#address.take(quota, cost, now);
  }

  /** Takes `cost` from a quota. Many users may share an address, so that is not this user's fault. */
  #refusal(quota: Quota, cost: number, now: number): Fault | null {
    const ofUser = this.#user?.take(quota, cost, now) ?? 0;
    if (ofUser > 0) return fault("rate_limited", `${DETAILS[quota]} of this user`, ofUser);
    const wait = this.#address.take(quota, cost, now);
    if (wait === 0) return null;
    return fault("unavailable", `too many ${DETAILS[quota]} from this address`, wait);
  }

  /**
   * Takes `cost` from a quota.
   *
   * @throws {FaultError} `rate_limited` if there is less for the user, `unavailable` if for the address
   */
  require(quota: Quota, cost = 1): void {
    const refusal = this.#refusal(quota, cost, performance.now());
    if (refusal !== null) throw FaultError.from(refusal);
  }

  /**
   * Takes one message; `rate` is that of the room's namespace, if it has one.
   *
   * @throws {FaultError} `rate_limited` if the user has sent too many
   */
  requireMessage(rate: { namespace: string; messages: number } | undefined): void {
    if (rate === undefined) return this.require("messages");
    const { namespace, messages } = rate;
    const wait = this.account.takeIn(namespace, messages, performance.now());
    if (wait > 0) throw new FaultError("rate_limited", `messages in ${namespace}`, wait);
  }

  /** Takes what turned out to be the cost. */
  charge(quota: Quota, cost: number): void {
    const now = performance.now();
    this.#user?.charge(quota, cost, now);
    this.#address.charge(quota, cost, now);
  }

  /**
   * A request is under way that is answered later. Returns what to call when it has ended.
   *
   * @throws {FaultError} `rate_limited` if the user awaits too many answers already
   */
  requestBegan(): () => void {
    const { account } = this;
    const max = this.#quotas.limits.USER_PENDING_ANSWERS;
    if (account.pendingAnswers >= max) {
      throw new FaultError("rate_limited", `${max} answers of this user are pending already`, 100);
    }
    account.pendingAnswers++;
    return () => void account.pendingAnswers--;
  }

  /**
   * The gateway opens a room for this session. Returns what to call when it has closed it.
   *
   * @throws {FaultError} `rate_limited` if it has opened too many, or too fast
   */
  roomOpened(): () => void {
    const { users, addresses, limits } = this.#quotas;
    const { USER_ROOMS_OPENED: max, ADDRESS_FACTOR: factor } = limits;
    const [user, address] = [this.#user, this.#address];
    if (user !== null && user.rooms >= max) {
      throw new FaultError("rate_limited", `${max} rooms of this user are open already`, 5_000);
    }
    if (address.rooms >= max * factor) {
      throw new FaultError("unavailable", "too many rooms from this address", 5_000);
    }
    this.require("rooms");
    if (user !== null) users.hold(user.key).rooms++;
    addresses.hold(address.key).rooms++;
    return () => {
      const now = performance.now();
      address.rooms--;
      addresses.release(address, now);
      if (user === null) return;
      user.rooms--;
      users.release(user, now);
    };
  }

  /** The connection has closed. Calling it twice does no harm. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const now = performance.now();
    this.#address.connections--;
    if (this.#user === null) {
      this.#address.unauthenticated--;
      this.#quotas.unauthenticated--;
    } else {
      this.#user.connections--;
      this.#quotas.users.release(this.#user, now);
    }
    this.#quotas.addresses.release(this.#address, now);
  }
}
