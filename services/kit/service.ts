/**
 * The life of a service process: read the configuration, serve HTTP with health checks, connect to
 * NATS, start the service's own parts; on SIGTERM or SIGINT stop all of it in reverse order.
 *
 * @module
 */
import { Hono } from "hono";
import * as z from "zod";
import { type Bus, connectBus } from "./bus.ts";
import { BASE_CONFIG } from "./base_config.ts";
import { ConfigError, readConfig } from "./config.ts";
import { addHealthRoutes, createHealth, type Health } from "./health.ts";
import { setTraceRatio, TELEMETRY_ON } from "./hop.ts";
import { collectGarbageWhenIdle } from "./idle_collection.ts";
import { createLogger, errorText, type Logger } from "./log.ts";
import { announceService } from "./micro/micro_service.ts";
import { leaveCutOffServer } from "./cut_off_server.ts";
import { type NatsOptions, natsOptions } from "./nats_config.ts";
import { exit, isAddressInUse, onSignal, serveHttp, tolerateResets, variable } from "./runtime.ts";
import { durationsExporter } from "./telemetry/durations_exporter.ts";
import { rootSpansExporter } from "./telemetry/root_spans.ts";
import { exportBusMetrics, exportProcessMetrics, followServerClock } from "./telemetry/mod.ts";

/** How long a drain may take by default, milliseconds. */
const DRAIN_DEADLINE_MS = 10_000;

/** Exit codes of sysexits(3): the configuration is invalid; a dependency is unavailable. */
const EXIT_CONFIG = 78;
const EXIT_UNAVAILABLE = 69;

/** What the kit passes to a service's own code. */
export interface ServiceContext {
  /** The service's name. */
  name: string;
  /** The service's logger. */
  log: Logger;
  /** The connection to NATS. */
  bus: Bus;
  /** The conditions of `/readyz`. */
  health: Health;
  /**
   * Registers a step of the drain. The steps run one after the other, the last one registered
   * first; each is awaited.
   */
  onDrain(step: () => void | Promise<void>): void;
}

/** The values of {@link BASE_CONFIG}. */
export type BaseConfig = z.infer<z.ZodObject<typeof BASE_CONFIG>>;

/** A service, with its own variables in addition to {@link BASE_CONFIG}. */
export interface ServiceOptions<Shape extends z.ZodRawShape> {
  /** Names the NATS connection (`hopwire-<name>`), the log lines and the queue group. */
  name: string;
  /** What the service does, in one sentence. `nats micro info` shows it. */
  description?: string;
  /** The schemas of the service's own variables. */
  config: Shape;
  /** Adds the service's own HTTP routes to those of the health checks. */
  routes?: (app: Hono, config: BaseConfig & z.infer<z.ZodObject<Shape>>) => void;
  /**
   * Replaces the kit's HTTP server. The service then serves `app`, which has the health checks, and
   * returns a function that stops its server.
   */
  listen?: (
    app: Hono,
    config: BaseConfig & z.infer<z.ZodObject<Shape>>,
    log: Logger,
  ) => Promise<() => void | Promise<void>>;
  /**
   * A stream whose information this service's user of NATS may request: the answer tells the server's time,
   * with which the service compares its clock, and that JetStream answers.
   */
  clockStream?: string;
  /** How long a drain may take, milliseconds. The process then exits. Default: 10,000. */
  drainDeadline?: (config: BaseConfig & z.infer<z.ZodObject<Shape>>) => number;
  /** Starts the service's own parts. Called once the process is connected to NATS. */
  start(
    context: ServiceContext,
    config: BaseConfig & z.infer<z.ZodObject<Shape>>,
  ): void | Promise<void>;
}

/**
 * Starts a service; a signal drains it and exits. The exit code is 0 after a drain, 1 when the drain
 * took too long, 78 when the configuration is invalid and 69 when a dependency is unavailable. A
 * failure logs one line that says what is wrong.
 */
export async function runService<Shape extends z.ZodRawShape>(
  options: ServiceOptions<Shape>,
): Promise<void> {
  const { name } = options;
  let config: BaseConfig & z.infer<z.ZodObject<Shape>>;
  let connection: NatsOptions;
  try {
    config = readConfig(z.object({ ...BASE_CONFIG, ...options.config })) as typeof config;
    connection = natsOptions(config, name);
  } catch (error) {
    exitOnConfigError(name, error);
  }
  setTraceRatio(config.TRACE_RATIO);
  const log = createLogger(name, { level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const exitUnavailable = (what: string, error: unknown): never => {
    log.error(what, { error: errorText(error) });
    exit(EXIT_UNAVAILABLE);
  };
  const health = createHealth();
  const drainSteps: (() => void | Promise<void>)[] = [];
  let draining = false;
  let bus: Bus | undefined = undefined;
  let started = false;

  const drain = async (signal: string) => {
    if (draining) return;
    draining = true;
    log.info("draining", { signal });
    const deadlineMs = options.drainDeadline?.(config) ?? DRAIN_DEADLINE_MS;
    const deadline = setTimeout(() => {
      log.error("the drain did not finish in time, exiting", { deadlineMs });
      exit(1);
    }, deadlineMs);
    for (const step of drainSteps.reverse()) {
      try {
        await step();
      } catch (error) {
        log.error("a step of the drain failed, continuing", { error: errorText(error) });
      }
    }
    await Promise.all([
      (bus as Bus | undefined)?.drain(),
      durationsExporter?.flush(),
      rootSpansExporter?.flush(),
    ]);
    clearTimeout(deadline);
    log.info("stopped");
    exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    onSignal(signal, () => void drain(signal));
  }

  health.require("nats", () => (bus as Bus | undefined)?.connected === true);
  health.require("started", () => started);
  health.require("not draining", () => !draining);
  const app = new Hono();
  addHealthRoutes(app, health);
  try {
    options.routes?.(app, config);
    if (options.listen) {
      drainSteps.push(await options.listen(app, config, log));
    } else {
      const where = { hostname: config.HOST, port: config.PORT };
      const stop = await serveHttp(where, app.fetch, {
        onListen: ({ hostname, port }) => log.info("listening", { hostname, port }),
        onFailure: (error) =>
          log.error("cannot accept connections; listening again", { error: errorText(error) }),
      });
      // Not awaited: a health checker's keep-alive connection must not delay the drain.
      drainSteps.push(stop);
    }
  } catch (error) {
    if (error instanceof ConfigError) exitOnConfigError(name, error);
    if (isAddressInUse(error)) {
      exitUnavailable(
        `port ${config.PORT} on ${config.HOST} is in use: stop the process that uses it, or set PORT`,
        error,
      );
    }
    exitUnavailable(`cannot listen on ${config.HOST}:${config.PORT}`, error);
  }

  tolerateResets();
  bus = await connectBus({
    options: connection,
    name: `hopwire-${name}`,
    log,
    onClosed: (reason) =>
      exitUnavailable("lost the connection to NATS permanently, exiting", reason),
  }).catch((error) =>
    exitUnavailable(
      "NATS refused the connection: check the credentials of NATS_USER, NATS_URL or their files, and that " +
        "the server knows this user (NATS_SERVICES of the start command, or deno task nats-users)",
      error,
    )
  );
  if (durationsExporter !== null) {
    durationsExporter.onFailure = (error) =>
      log.warn("the collector takes no metrics; they are sent again later", { error });
  }
  if (options.clockStream !== undefined) {
    drainSteps.push(leaveCutOffServer(bus!, options.clockStream));
  }
  if (TELEMETRY_ON) {
    drainSteps.push(exportProcessMetrics(), exportBusMetrics(bus!));
    if (options.clockStream !== undefined) {
      drainSteps.push(followServerClock(bus!, options.clockStream));
    }
  }
  try {
    await options.start(
      { name, log, bus: bus!, health, onDrain: (step) => void drainSteps.push(step) },
      config,
    );
  } catch (error) {
    if (error instanceof ConfigError) exitOnConfigError(name, error);
    exitUnavailable("cannot start", error);
  }
  drainSteps.push(collectGarbageWhenIdle());
  drainSteps.push(announceService(bus!, { name, description: options.description ?? "" }));
  // Ready means that NATS knows what this service answers. After a reconnect it has been told anew.
  await bus!.nats.flush().catch(() => {});
  started = true;
  log.info("started");
}

/** Logs the one line of a {@link ConfigError} and exits; rethrows anything else. */
function exitOnConfigError(name: string, error: unknown): never {
  if (!(error instanceof ConfigError)) throw error;
  // The configuration was not accepted, so the format is read from the environment itself.
  const format = variable("LOG_FORMAT") === "text" ? "text" : "json";
  createLogger(name, { format }).error(error.message);
  exit(EXIT_CONFIG);
}
