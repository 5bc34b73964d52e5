/**
 * The parts of an app for tests of one of them, on a real connection.
 *
 * @module
 */
import type { ServiceNeed } from "../../contract/mod.ts";
import type { Bus } from "../bus.ts";
import { createHealth } from "../health.ts";
import { createLogger } from "../log.ts";
import type { AppParts } from "./app_parts.ts";
import { declareService } from "./declaration.ts";
import { createGrants } from "./grants.ts";
import { Handlers } from "./handlers.ts";

/** Parts, what they log, and their end. */
export interface PartsFixture {
  parts: AppParts;
  /** The lines of the log with this message. */
  lines(message: string): Record<string, unknown>[];
  /** Drains. */
  stop(): Promise<void>;
}

/** Makes the parts of a service with these needs. */
export function createParts(bus: Bus, name: string, needs: ServiceNeed[]): PartsFixture {
  const written: string[] = [];
  const steps: (() => void | Promise<void>)[] = [];
  return {
    parts: {
      declaration: declareService({ name, description: "Listens.", needs }),
      bus,
      log: createLogger(name, { write: (line) => void written.push(line) }),
      health: createHealth(),
      handlers: new Handlers(),
      grants: createGrants(bus),
      onDrain: (step) => void steps.push(step),
    },
    lines: (message) =>
      written.map((line) => JSON.parse(line)).filter((line) => line.message === message),
    async stop() {
      for (const step of steps) await step();
    },
  };
}
