/**
 * What is known of the clocks of the processes that a trace passed through. No I/O.
 *
 * @module
 */
import type { MetricStore } from "../metrics/store.ts";
import type { Origin } from "../otlp/model.ts";
import { ms } from "./processes.ts";
import { valueOf } from "./values.ts";

/** Returns a note for each process whose clock differs from the NATS server's by more than is uncertain. */
export function clockNotes(store: MetricStore, origins: readonly Origin[]): string[] {
  const involved = new Set(origins.map(({ service, instance }) => `${service}\0${instance}`));
  return store.processes().flatMap((process) => {
    const { service, instance } = process;
    if (!involved.has(`${service}\0${instance}`)) return [];
    const offset = valueOf(store, process, "hopwire.clock.offset");
    const error = valueOf(store, process, "hopwire.clock.error");
    if (offset === null || error === null || Math.abs(offset) <= error) return [];
    const name = instance === "" ? service : instance;
    const direction = offset > 0 ? "ahead of" : "behind";
    return [
      `The clock of ${name} is ${
        ms(Math.abs(offset) * 1e6)
      } ${direction} nats-server's, give or take ` +
      `${ms(error * 1e6)}. The times of its hops are corrected by that.`,
    ];
  });
}
