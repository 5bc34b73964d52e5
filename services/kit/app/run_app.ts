/**
 * Runs a service of one's own.
 *
 * @module
 */
import type * as z from "zod";
import { type BaseConfig, runService } from "../service.ts";
import { type App, createApp } from "./app.ts";
import { checkDeclaration, type Declaration } from "./declaration.ts";

/** What a service does. */
export interface AppOptions<Shape extends z.ZodRawShape> {
  /** Starts the service's own parts. Called once the process is connected to NATS. */
  start(app: App, config: BaseConfig & z.infer<z.ZodObject<Shape>>): void | Promise<void>;
}

/**
 * Runs a service: reads its variables, serves `/healthz` and `/readyz` on `PORT`, connects to NATS, calls
 * `start`, and on SIGTERM or SIGINT drains all of it. See `runService` for the exit codes.
 */
export async function runApp<Shape extends z.ZodRawShape>(
  declaration: Declaration<Shape>,
  { start }: AppOptions<Shape>,
): Promise<void> {
  checkDeclaration(declaration);
  await runService({
    name: declaration.name,
    description: declaration.description,
    config: declaration.config,
    start: (context, config) => start(createApp(context, declaration), config),
  });
}
