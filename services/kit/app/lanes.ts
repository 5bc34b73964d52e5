/**
 * Work in lanes: what has the same key is done one after the other, and a bounded number of lanes moves at a
 * time. No I/O.
 *
 * @module
 */

/** Does one piece of work. It must not throw. */
export type Work = () => Promise<void>;

/** See the module's doc. */
export class Lanes {
  readonly #concurrency: number;
  readonly #capacity: number;
  /** What waits in each lane, without what is being done. A lane is there while it has work. */
  readonly #lanes = new Map<string, Work[]>();
  /** The lanes that could move. */
  #ready: string[] = [];
  #moving = 0;
  #size = 0;
  #changed = Promise.withResolvers<void>();

  /** At most `concurrency` lanes move, and at most `capacity` pieces of work are done or wait. */
  constructor(concurrency: number, capacity: number) {
    this.#concurrency = concurrency;
    this.#capacity = capacity;
  }

  /** How many pieces of work may be added. */
  get free(): number {
    return this.#capacity - this.#size;
  }

  /** How many pieces of work are done or wait. */
  get size(): number {
    return this.#size;
  }

  /** Adds work to a lane. Returns false if there is no room for it. */
  add(key: string, work: Work): boolean {
    if (this.free <= 0) return false;
    this.#size++;
    const lane = this.#lanes.get(key);
    if (lane !== undefined) {
      lane.push(work);
      return true;
    }
    this.#lanes.set(key, [work]);
    this.#ready.push(key);
    this.#move();
    return true;
  }

  /** Removes the waiting work that `unwanted` names, and returns how much that was. */
  remove(unwanted: (work: Work) => boolean): number {
    const before = this.#size;
    for (const [key, lane] of this.#lanes) {
      const left = lane.filter((work) => !unwanted(work));
      this.#size -= lane.length - left.length;
      this.#lanes.set(key, left);
    }
    if (this.#size < before) this.#wake();
    return before - this.#size;
  }

  /** Resolves when a piece of work is done or given up. */
  changed(): Promise<void> {
    return this.#changed.promise;
  }

  /** Resolves when nothing is left to do. */
  async idle(): Promise<void> {
    while (this.#size > 0) await this.changed();
  }

  #move(): void {
    while (this.#moving < this.#concurrency && this.#ready.length > 0) {
      const key = this.#ready.shift()!;
      const work = this.#lanes.get(key)?.shift();
      if (work === undefined) {
        this.#lanes.delete(key);
        continue;
      }
      this.#moving++;
      void work().finally(() => {
        this.#moving--;
        this.#size--;
        // To the end, so that a busy lane keeps no other waiting.
        if (this.#lanes.get(key)!.length > 0) this.#ready.push(key);
        else this.#lanes.delete(key);
        this.#wake();
        this.#move();
      });
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
