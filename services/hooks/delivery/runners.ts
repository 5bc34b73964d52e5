/**
 * The endpoints that this instance delivers to: starts, changes and stops their runners as the file says.
 *
 * @module
 */
import * as z from "zod";
import type { WebhookEndpoint } from "../../contract/mod.ts";
import { type Bus, errorText, FaultError } from "../../kit/mod.ts";
import type { StateStore } from "../state/state_store.ts";
import { EndpointRunner } from "./endpoint_runner.ts";

const Disabled = z.object({ reason: z.string().nullable() });

/** How long until endpoints are tried again whose state could not be read, milliseconds. */
const RETRY_MS = 1_000;

/** See the module's doc. */
export class Runners {
  readonly #bus: Bus;
  readonly #store: StateStore;
  readonly #active: () => boolean;
  readonly #runners = new Map<string, EndpointRunner>();
  #wanted: readonly WebhookEndpoint[] = [];
  #changing: Promise<void> = Promise.resolve();
  #stopped = false;

  /** `active` tells whether this instance may send. */
  constructor(bus: Bus, store: StateStore, active: () => boolean) {
    this.#bus = bus;
    this.#store = store;
    this.#active = active;
  }

  /** The runners, in the order of the file. */
  get all(): EndpointRunner[] {
    return this.#wanted.flatMap(({ id }) => this.#runners.get(id) ?? []);
  }

  /** Whether every endpoint has its place in the streams. */
  get attached(): boolean {
    return this.#wanted.every(({ id }) => this.#runners.get(id)?.attached);
  }

  /** Whether every endpoint will get the events that are derived from now on. */
  get placed(): boolean {
    return this.#wanted.every(({ id }) => this.#runners.get(id)?.placed);
  }

  /**
   * The runner of an endpoint.
   *
   * @throws {FaultError} if there is none
   */
  get(id: string): EndpointRunner {
    const runner = this.#runners.get(id);
    if (runner === undefined) throw new FaultError("invalid_format", `there is no endpoint ${id}`);
    return runner;
  }

  /** Whether the file has this endpoint. */
  has(id: string): boolean {
    return this.#wanted.some((endpoint) => endpoint.id === id);
  }

  /** These endpoints are wanted from now on. */
  set(endpoints: readonly WebhookEndpoint[]): void {
    this.#wanted = endpoints;
    this.#changing = this.#changing.then(() => this.#change());
  }

  /** Sends to an endpoint again that was disabled because it answered 410. */
  async enable(id: string): Promise<void> {
    await this.#store.write(`endpoint.${id}`, { reason: null });
    this.#changing = this.#changing.then(async () => {
      await this.#remove(id);
      await this.#change();
    });
    await this.#changing;
  }

  /** Stops all of them. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#changing;
    await Promise.all([...this.#runners.keys()].map((id) => this.#remove(id)));
  }

  /** Endpoints that have not changed go on. */
  async #change(): Promise<void> {
    if (this.#stopped) return;
    const wanted = new Map(this.#wanted.map((endpoint) => [endpoint.id, endpoint]));
    const removed = [...this.#runners].filter(([id, { endpoint }]) =>
      JSON.stringify(wanted.get(id)) !== JSON.stringify(endpoint)
    );
    await Promise.all(removed.map(([id]) => this.#remove(id)));
    await Promise.all([...wanted.values()].map((endpoint) => this.#add(endpoint)));
  }

  async #add(endpoint: WebhookEndpoint): Promise<void> {
    const { id } = endpoint;
    if (this.#runners.has(id)) return;
    let reason: string | undefined;
    try {
      const kept = await this.#store.read(`endpoint.${id}`, Disabled);
      reason = kept?.value.reason ?? undefined;
    } catch (error) {
      this.#bus.log.warn("cannot start an endpoint, trying again", {
        endpoint: id,
        error: errorText(error),
      });
      setTimeout(() => {
        if (!this.#stopped) this.set(this.#wanted);
      }, RETRY_MS);
      return;
    }
    if (this.#stopped) return;
    const runner = new EndpointRunner(
      {
        bus: this.#bus,
        store: this.#store,
        active: this.#active,
        disable: async (id, reason) => {
          this.#bus.log.error("an endpoint is disabled: it answered 410", { endpoint: id });
          await this.#store.write(`endpoint.${id}`, { reason });
        },
      },
      endpoint,
      reason,
    );
    this.#runners.set(id, runner);
    runner.start();
  }

  async #remove(id: string): Promise<void> {
    const runner = this.#runners.get(id);
    this.#runners.delete(id);
    await runner?.stop();
  }
}
