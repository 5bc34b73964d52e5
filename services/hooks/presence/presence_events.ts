/**
 * Turns who is present into events: what is there and was not told, and what was told and is not there any
 * more. Each event goes into the stream HOOKS.
 *
 * @module
 */
import { isConnectedRoom, type WebhookEvent } from "../../contract/mod.ts";
import { type Bus, followRosters, type RosterService } from "../../kit/mod.ts";
import { leftOut, setChanges } from "../metrics.ts";
import type { StateStore } from "../state/state_store.ts";
import { type Change, compare, type Comparison } from "./comparison.ts";
import { EventWriter } from "./event_writer.ts";
import type { Told } from "./told.ts";
import { keepTold, readTold } from "./told_store.ts";

/** How often changes are taken, milliseconds: they are sent in one write. */
const TAKE_MS = 20;

/**
 * How long everything is compared at a time, milliseconds. With a million users in rooms it takes many
 * seconds, and the lease has to be renewed meanwhile.
 */
const COMPARE_MS = 10;

/**
 * How long a new instance waits before it tells that somebody has left whom it does not see, milliseconds: each
 * gateway that lives has sent three heartbeats by then, and its state was read.
 */
const SETTLE_MS = 5_000;

/** What is missing of an event. */
type Sketch = {
  [Type in WebhookEvent["type"]]: Pick<Extract<WebhookEvent, { type: Type }>, "type" | "data">;
}[
  WebhookEvent["type"]
];

/** Follows presence, and tells of it. `active` says whether this instance may. */
export class PresenceEvents {
  readonly #bus: Bus;
  readonly #active: () => boolean;
  readonly #writer: EventWriter;
  readonly #waiting: Change[] = [];
  #told: Told | undefined;
  #rosters: RosterService | undefined;
  #settled = false;
  /** Whether everything is to be compared once nothing waits. */
  #compare = false;
  #comparison: Comparison | undefined;
  #stopped = false;
  readonly #stops: (() => void)[] = [];
  readonly #maxWaiting: number;
  /** Changes that were left out since everything was last compared, because too many waited. */
  #leftOut = 0;

  /**
   * At most `maxWaiting` changes wait. Above that everything is compared instead, which loses what came and went
   * meanwhile.
   */
  constructor(bus: Bus, active: () => boolean, maxWaiting: number) {
    this.#bus = bus;
    this.#active = active;
    this.#maxWaiting = maxWaiting;
    this.#writer = new EventWriter(bus, active);
  }

  /** Begins. Rejects if JetStream does not answer. */
  async start(store: StateStore): Promise<void> {
    const told = await readTold(this.#bus, store);
    if (this.#stopped) return;
    const rosters = await followRosters(this.#bus, (room, event, fact) => {
      if (event === "updated") return;
      const { userId, username } = fact;
      if (this.#waiting.length < this.#maxWaiting) {
        this.#waiting.push({ room, userId, username, here: event === "joined" });
      } else this.#leaveOut();
    });
    this.#stops.push(
      () => rosters.stop(),
      setChanges(() => this.#waiting.length),
    );
    if (this.#stopped) return this.stop();
    this.#told = told;
    this.#rosters = rosters;
    const take = setInterval(() => this.#take(), TAKE_MS);
    const settle = setInterval(() => {
      const { follower } = rosters;
      // A gateway that has not told its state may hold anybody.
      if (!follower.gateways.every((gateway) => follower.compared(gateway))) return;
      clearInterval(settle);
      this.#settled = true;
      this.#compare = true;
    }, SETTLE_MS);
    this.#stops.push(
      keepTold(this.#bus, store, told, this.#active),
      () => clearInterval(take),
      () => clearInterval(settle),
    );
  }

  /** Stops. */
  stop(): void {
    this.#stopped = true;
    for (const stop of this.#stops.splice(0)) stop();
    this.#writer.close();
  }

  /** There are too many changes: what is left out is found later, by comparing everything. */
  #leaveOut(): void {
    if (this.#leftOut++ === 0) {
      const waiting = this.#waiting.length;
      this.#bus.log.warn("too many changes of presence; it is compared instead", { waiting });
    }
    leftOut();
    this.#compare = true;
  }

  #take(): void {
    let taken = 0;
    while (this.#writer.free && taken < this.#waiting.length) this.#tell(this.#waiting[taken++]!);
    if (taken > 0) this.#waiting.splice(0, taken);
    if (this.#comparison !== undefined) return this.#goOn(this.#comparison);
    if (!this.#compare || this.#waiting.length > 0 || !this.#settled) return;
    if (!this.#writer.free) return;
    this.#compare = false;
    if (this.#leftOut > 0) {
      this.#bus.log.info("comparing presence with what was told", { leftOut: this.#leftOut });
    }
    this.#leftOut = 0;
    this.#comparison = compare(this.#told!, this.#rosters!.follower);
  }

  /** Compares a part: whatever comes meanwhile is taken after it. */
  #goOn(comparison: Comparison): void {
    const until = performance.now() + COMPARE_MS;
    while (this.#waiting.length < this.#maxWaiting && performance.now() < until) {
      const { done, value } = comparison.next();
      if (done) {
        this.#comparison = undefined;
        return;
      }
      for (const change of value) this.#waiting.push(change);
    }
  }

  /** Tells of a change, unless it was told. */
  #tell({ room, userId, username, here }: Change): void {
    const told = this.#told!;
    const known = userId !== "" && told.has(room, userId);
    if (isConnectedRoom(room)) {
      const type = here ? "user.connected" : "user.disconnected";
      if (known !== here) this.#publish({ type, data: { userId, username } });
      return;
    }
    if (here && !told.isOccupied(room)) this.#publish({ type: "room.occupied", data: { room } });
    if (userId !== "" && known !== here) {
      const type = here ? "room.joined" : "room.left";
      this.#publish({ type, data: { room, userId, username } });
    }
    if (!here && told.count(room) === 0 && told.isOccupied(room)) {
      this.#publish({ type: "room.vacated", data: { room } });
    }
  }

  #publish(sketch: Sketch): void {
    const event = {
      id: `evt_${crypto.randomUUID().replaceAll("-", "")}`,
      type: sketch.type,
      timestamp: new Date().toISOString(),
      data: sketch.data,
    } as WebhookEvent;
    this.#writer.store(event, this.#told!.tell(event));
  }
}
