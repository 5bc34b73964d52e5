/**
 * The presence bucket: writes its keys by compare-and-set, and follows it into a {@link Roster}.
 *
 * @module
 */
import { jetstream, JetStreamApiError, type JetStreamClient } from "@nats-io/jetstream";
import { type KV, type KvEntry, Kvm } from "@nats-io/kv";
import { PRESENCE_BUCKET } from "../contract/mod.ts";
import { type Bus, createHeaders, errorText, FaultError } from "../kit/mod.ts";
import { type KeyChange, Roster } from "./roster.ts";

/** JetStream's code for "wrong last sequence": somebody else has written the key meanwhile. */
const WRONG_LAST_SEQUENCE = 10071;

/** How long to wait for the view to reach a revision, milliseconds. */
const CATCH_UP_MS = 2_000;

/** Requests that may wait for that at a time. */
const MAX_WAITING = 10_000;

/** Wait before following is tried again, milliseconds. */
const REFOLLOW_MS = 500;

/** See the module's doc. */
export class PresenceLog {
  #roster = new Roster();
  readonly #bus: Bus;
  readonly #js: JetStreamClient;
  readonly #maxBytes: number;
  readonly #maxWaiting: number;
  #kv: KV | undefined;
  #waiting: { revision: number; wake: () => void }[] = [];
  #following = false;
  #stopped = false;

  constructor(bus: Bus, maxBytes: number, maxWaiting = MAX_WAITING) {
    this.#bus = bus;
    this.#js = jetstream(bus.nats);
    this.#maxBytes = maxBytes;
    this.#maxWaiting = maxWaiting;
  }

  /** The view of the bucket. Another object after each time that following began anew. */
  get roster(): Roster {
    return this.#roster;
  }

  /** Whether the view is being kept up to date. */
  get following(): boolean {
    return this.#following;
  }

  /**
   * Builds a view; resolves once the bucket's present state is in it, then goes on in the background
   * until {@link PresenceLog.stop}. Makes the bucket where it is missing.
   *
   * @throws {JetStreamApiError} when the bucket cannot be made
   */
  async follow(): Promise<void> {
    const kv = await new Kvm(this.#js).create(PRESENCE_BUCKET, {
      history: 1,
      max_bytes: this.#maxBytes,
      republish: { src: `$KV.${PRESENCE_BUCKET}.u.>`, dest: "room.presence.>" },
    });
    const roster = new Roster();
    const watch = await kv.watch();
    const complete = () => {
      if (this.#following) return;
      this.#kv = kv;
      this.#roster = roster;
      this.#following = true;
      this.#wakeWaiting();
    };
    const read = async () => {
      for await (const entry of watch) {
        roster.apply(changeOf(entry), performance.now());
        if (entry.delta === 0) complete();
        if (this.#following) this.#wakeWaiting();
      }
    };
    let ended = false;
    read().catch((error) => {
      this.#bus.log.warn("following presence failed", { error: errorText(error) });
    }).finally(() => {
      ended = true;
      this.#following = false;
      if (!this.#stopped) setTimeout(() => void this.#refollow(), REFOLLOW_MS);
    });
    // An empty bucket sends nothing that could tell that all of it was sent.
    while (!this.#following && !this.#stopped && !ended) {
      if ((await kv.status()).values === 0) complete();
      else await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Stops following. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Resolves when the view has taken in `revision`.
   *
   * @throws {FaultError} `unavailable` where that takes too long, or too many wait
   */
  async caughtUp(revision: number): Promise<void> {
    if (this.roster.revision >= revision) return;
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new FaultError("unavailable", "presence is behind", 1_000);
    }
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((one) => one !== entry);
        reject(new FaultError("unavailable", "presence is behind", 1_000));
      }, CATCH_UP_MS);
      const entry = {
        revision,
        wake: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.#waiting.push(entry);
    });
  }

  /**
   * Writes a key, if its last revision is the one expected (0: it was never there). `deleted` makes it
   * a deletion, with a payload that key-value clients pass over.
   *
   * @returns the new revision; null where the last one was not the one expected
   * @throws {FaultError} `unavailable` where it could not be stored
   */
  async write(
    key: string,
    value: object,
    revision: number,
    deleted = false,
  ): Promise<number | null> {
    if (!this.#bus.connected) throw new FaultError("unavailable", undefined, 1_000);
    const headers = createHeaders();
    if (deleted) headers.set("KV-Operation", "DEL");
    try {
      const ack = await this.#js.publish(
        `$KV.${PRESENCE_BUCKET}.${key}`,
        JSON.stringify(value),
        { headers, retries: 0, expect: { lastSubjectSequence: revision } },
      );
      return ack.seq;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === WRONG_LAST_SEQUENCE) return null;
      const detail = `presence could not be stored: ${errorText(error)}`;
      throw new FaultError("unavailable", detail, 1_000);
    }
  }

  /** What the bucket itself says of a key now; a revision of 0 where it has nothing of it. */
  async read(key: string): Promise<{ present: boolean; revision: number; turn: number }> {
    if (!this.#bus.connected) throw new FaultError("unavailable", undefined, 1_000);
    try {
      const entry = await this.#kv!.get(key);
      if (entry === null) return { present: false, revision: 0, turn: 0 };
      const { deleted, revision, turn } = changeOf(entry);
      return { present: !deleted, revision, turn };
    } catch (error) {
      throw new FaultError("unavailable", `presence could not be read: ${errorText(error)}`, 1_000);
    }
  }

  /** Takes deletion markers out of the bucket. */
  async purge(markers: { key: string; revision: number }[]): Promise<void> {
    if (markers.length === 0) return;
    const { streams } = await this.#js.jetstreamManager();
    for (const { key, revision } of markers) {
      // Only what is older than this: a key that was put again since then stays.
      const filter = `$KV.${PRESENCE_BUCKET}.${key}`;
      await streams.purge(`KV_${PRESENCE_BUCKET}`, { filter, seq: revision + 1 });
    }
  }

  async #refollow(): Promise<void> {
    try {
      await this.follow();
    } catch (error) {
      this.#bus.log.warn("presence cannot be followed", { error: errorText(error) });
      if (!this.#stopped) setTimeout(() => void this.#refollow(), REFOLLOW_MS);
    }
  }

  #wakeWaiting(): void {
    const { revision } = this.roster;
    if (!this.#waiting.some((one) => one.revision <= revision)) return;
    const due = this.#waiting.filter((one) => one.revision <= revision);
    this.#waiting = this.#waiting.filter((one) => one.revision > revision);
    for (const { wake } of due) wake();
  }
}

function changeOf(entry: KvEntry): KeyChange {
  const deleted = entry.operation !== "PUT";
  let value: { username?: string; turn?: number } = {};
  try {
    if (entry.length > 0) value = entry.json();
  } catch {
    // Not ours; the roster passes over keys that it does not know.
  }
  const { username = "", turn = 0 } = value;
  return { key: entry.key, deleted, revision: entry.revision, username, turn };
}
