/**
 * The life of a service process: config in, HTTP with health, NATS, the service's own parts, and
 * on SIGTERM or SIGINT everything back in the reverse order.
 *
 * @module
 */
import { Hono } from "hono";
import * as z from "zod";
import { type Bus, connectBus } from "./bus.ts";
import { BASE_CONFIG, ConfigError, readConfig } from "./config.ts";
import { addHealthRoutes, createHealth, type Health } from "./health.ts";
import { setTraceRatio } from "./hop.ts";
import { createLogger, errorText, type Logger } from "./log.ts";

/** How long draining may take before the process ends all the same, milliseconds. */
const DRAIN_DEADLINE_MS = 10_000;

/** Exit codes, as sysexits(3) has them: wrong configuration, something needed is not to be had. */
const EXIT_CONFIG = 78;
const EXIT_UNAVAILABLE = 69;

/** What a service's own code is given. */
export interface ServiceContext {
  name: string;
  log: Logger;
  bus: Bus;
  health: Health;
  /** Called when the process is to end, last added first; each may take its time. */
  onDrain(part: () => void | Promise<void>): void;
}

type BaseConfig = z.infer<z.ZodObject<typeof BASE_CONFIG>>;

/** A service with its own variables beside {@link BASE_CONFIG}. */
export interface ServiceOptions<Shape extends z.ZodRawShape> {
  /** As in `hopwire-<name>`: names the connection, the logs and the queue group. */
  name: string;
  config: Shape;
  /** Adds the service's own HTTP routes; without it only health is served. */
  routes?: (app: Hono, config: BaseConfig & z.infer<z.ZodObject<Shape>>) => void;
  /**
   * Serves HTTP itself, health included: then nothing is served here. Gives back how to stop.
   */
  listen?: (
    app: Hono,
    config: BaseConfig & z.infer<z.ZodObject<Shape>>,
    log: Logger,
  ) => Promise<() => void | Promise<void>>;
  /** Wires the service once NATS is there. */
  start(
    context: ServiceContext,
    config: BaseConfig & z.infer<z.ZodObject<Shape>>,
  ): void | Promise<void>;
}

/**
 * Runs a service until it is told to end. Never returns before that; ends the process with 0 after
 * a drain, with 78 when the configuration is wrong and 69 when something it needs refuses it, each
 * time after one line that says what.
 */
export async function runService<Shape extends z.ZodRawShape>(
  options: ServiceOptions<Shape>,
): Promise<void> {
  const { name } = options;
  let config: BaseConfig & z.infer<z.ZodObject<Shape>>;
  try {
    config = readConfig(z.object({ ...BASE_CONFIG, ...options.config })) as typeof config;
  } catch (error) {
    refuseConfig(name, error);
  }
  setTraceRatio(config.TRACE_RATIO);
  const log = createLogger(name, { level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const fail = (what: string, error: unknown): never => {
    log.error(what, { error: errorText(error) });
    Deno.exit(EXIT_UNAVAILABLE);
  };
  const health = createHealth();
  const drains: (() => void | Promise<void>)[] = [];
  let draining = false;
  let bus: Bus | undefined = undefined;
  let started = false;

  const end = async (signal: string) => {
    if (draining) return;
    draining = true;
    log.info("draining", { signal });
    const deadline = setTimeout(() => {
      log.error("draining took too long");
      Deno.exit(1);
    }, DRAIN_DEADLINE_MS);
    for (const part of drains.reverse()) {
      try {
        await part();
      } catch (error) {
        log.error("a part did not drain", { error: errorText(error) });
      }
    }
    await (bus as Bus | undefined)?.drain();
    clearTimeout(deadline);
    log.info("stopped");
    Deno.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => void end(signal));
  }

  health.require("nats", () => (bus as Bus | undefined)?.connected === true);
  health.require("started", () => started);
  health.require("not draining", () => !draining);
  const app = new Hono();
  addHealthRoutes(app, health);
  try {
    options.routes?.(app, config);
    if (options.listen) {
      drains.push(await options.listen(app, config, log));
    } else {
      const server = Deno.serve({
        hostname: config.HOST,
        port: config.PORT,
        onListen: ({ hostname, port }) => log.info("listening", { hostname, port }),
      }, app.fetch);
      // Not awaited: a keep-alive connection of a health checker must not hold the drain up.
      drains.push(() => void server.shutdown());
    }
  } catch (error) {
    if (error instanceof ConfigError) refuseConfig(name, error);
    if (
      error instanceof Deno.errors.AddrInUse || (error as { code?: string }).code === "EADDRINUSE"
    ) {
      fail(`port ${config.PORT} on ${config.HOST} is taken`, error);
    }
    fail(`cannot listen on ${config.HOST}:${config.PORT}`, error);
  }

  bus = await connectBus({
    url: config.NATS_URL,
    name: `hopwire-${name}`,
    log,
    onClosed: (reason) => fail("the connection to NATS ended for good", reason),
  }).catch((error) => fail("NATS refuses the connection", error));
  try {
    await options.start(
      { name, log, bus: bus!, health, onDrain: (part) => void drains.push(part) },
      config,
    );
  } catch (error) {
    if (error instanceof ConfigError) refuseConfig(name, error);
    fail("could not start", error);
  }
  started = true;
  log.info("started");
}

/** Says the one line about a wrong variable and ends the process; rethrows anything else. */
function refuseConfig(name: string, error: unknown): never {
  if (!(error instanceof ConfigError)) throw error;
  createLogger(name, { format: "text" }).error(`hopwire ${name}: ${error.message}`);
  Deno.exit(EXIT_CONFIG);
}
