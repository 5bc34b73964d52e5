/**
 * The endpoints that only the instance that archives serves. The others have no subscription to them,
 * so a request reaches the right instance, or nobody.
 *
 * @module
 */

/** A subscription that serves an endpoint. */
export interface Served {
  drain(): Promise<void>;
}

/** Opens endpoints while this instance archives. */
export class WriterEndpoints {
  readonly #open: () => Served[];
  #served: Served[] = [];

  /** `open` subscribes to the endpoints. */
  constructor(open: () => Served[]) {
    this.#open = open;
  }

  /** This instance archives now. */
  attached(): void {
    if (this.#served.length === 0) this.#served = this.#open();
  }

  /** This instance no longer archives: it answers what it has accepted, and nothing new. */
  async released(): Promise<void> {
    const served = this.#served;
    this.#served = [];
    await Promise.all(served.map((one) => one.drain().catch(() => {})));
  }
}
