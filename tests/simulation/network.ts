/**
 * A simulated message bus: it delays, loses and repeats messages, and parts can be cut off from each
 * other. Messages from one node to another stay in order, as on NATS.
 *
 * @module
 */
import type { Random } from "../torture/random.ts";
import type { VirtualClock } from "./clock.ts";

/** A process on the bus. */
export interface Node {
  readonly name: string;
  alive: boolean;
  /** Until then nothing runs in the process; what is sent to it waits. */
  pausedUntil: number;
}

/** How the bus treats messages now. */
export interface Weather {
  /** The chances that a message is lost, and that it comes twice. */
  loss: number;
  twice: number;
  /** The longest delay, milliseconds. */
  delay: number;
}

/** See the module's doc. */
export class Network {
  weather: Weather = { loss: 0, twice: 0, delay: 5 };
  /** The longest delay that any weather has, milliseconds. */
  readonly maxDelay = 500;
  /** Messages delivered. */
  delivered = 0;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #last = new Map<string, number>();
  #side = new Map<string, number>();

  constructor(clock: VirtualClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Parts the nodes at random into two sides that do not hear each other. */
  part(nodes: readonly Node[]): void {
    this.#side = new Map(nodes.map(({ name }) => [name, this.#random.between(0, 2) | 0]));
  }

  /** Ends the partition. */
  heal(): void {
    this.#side.clear();
  }

  /** Whether one node's messages reach the other. */
  connected(from: Node, to: Node): boolean {
    return (this.#side.get(from.name) ?? 0) === (this.#side.get(to.name) ?? 0);
  }

  /** Sends a message: `deliver` runs in the other process, if it ever gets there. */
  send(from: Node, to: Node, deliver: () => void): void {
    if (!this.connected(from, to) || this.#chance(this.weather.loss)) return;
    const copies = this.#chance(this.weather.twice) ? 2 : 1;
    for (let i = 0; i < copies; i++) this.#schedule(from, to, deliver);
  }

  #schedule(from: Node, to: Node, deliver: () => void): void {
    const route = `${from.name} ${to.name}`;
    const wanted = this.#clock.now + this.#random.between(0, this.weather.delay);
    const at = Math.max(wanted, this.#last.get(route) ?? 0);
    this.#last.set(route, at);
    const attempt = () => {
      if (!to.alive) return;
      if (to.pausedUntil > this.#clock.now) {
        return this.#clock.after(to.pausedUntil - this.#clock.now, attempt);
      }
      this.delivered++;
      deliver();
    };
    this.#clock.after(at - this.#clock.now, attempt);
  }

  #chance(probability: number): boolean {
    return probability > 0 && this.#random.between(0, 1) < probability;
  }
}
