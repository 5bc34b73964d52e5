/**
 * The system of compose.yaml for the checks: a separate compose project on an engine.
 *
 * @module
 */
import { parse } from "yaml";
import * as z from "zod";
import { findOnPath } from "../../services/start/nats_server.ts";
import { ROOT } from "../harness/root.ts";
import { until } from "../harness/wait.ts";
import { type Ended, run, tryRun } from "./commands.ts";
import type { Engine } from "./engine.ts";

/** The project's name, which labels containers, the network and the volumes. */
const PROJECT = "hopwire-try";

/** How long the system may take to become healthy, milliseconds. */
const HEALTHY_MS = 120_000;

const Inspected = z.tuple([z.object({
  State: z.object({
    Status: z.string(),
    ExitCode: z.number(),
    Health: z.object({ Status: z.string() }).optional(),
  }),
  HostConfig: z.object({ ReadonlyRootfs: z.boolean() }),
  Config: z.object({ Healthcheck: z.object({ Test: z.array(z.string()) }).optional() }),
})]);

const Services = z.object({
  services: z.record(z.string(), z.object({ profiles: z.array(z.string()).optional() })),
});

/** The compose project on an engine. */
export interface ComposeSystem {
  /** The version of compose. */
  readonly version: string;
  /** Runs compose. */
  compose(...args: string[]): Promise<string>;
  /** Runs compose on another file, as a project of its own beside this one. */
  beside(file: string, ...args: string[]): Promise<string>;
  /** Runs docker. */
  docker(...args: string[]): Promise<string>;
  /** Runs a command in a service's container and returns how it ended, even if it failed. */
  exec(service: string, ...args: string[]): Promise<Ended>;
  /** Returns the id of a service's container. */
  container(service: string): Promise<string>;
  inspect(service: string): Promise<z.infer<typeof Inspected>[0]>;
  /**
   * Waits until the health check of each service passes, of those without a profile or of those with the
   * one given. Services without a check must be running.
   */
  healthy(profile?: string): Promise<void>;
  /** Returns the ids of the project's remaining containers and networks. */
  left(): Promise<string[]>;
}

/**
 * Finds compose: the program named by COMPOSE, otherwise `docker-compose`, otherwise `docker
 * compose`. `variables` are for compose.yaml.
 */
export async function composeOn(
  engine: Engine,
  variables: Record<string, string> = {},
): Promise<ComposeSystem> {
  const env = { ...engine.env, ...variables };
  const named = Deno.env.get("COMPOSE") ?? await findOnPath("docker-compose");
  const program = named ? [named] : ["docker", "compose"];
  const file = ["-f", `${ROOT}compose.yaml`, "-p", PROJECT];
  const compose = (...args: string[]) => run([...program, ...file, ...args], env);
  const docker = (...args: string[]) => run(["docker", ...args], env);
  const container = async (service: string) => {
    // Current compose lists exited containers only with -a, which old compose supports, too.
    const id = await compose("ps", "-a", "-q", service);
    if (id === "") throw new Error(`${service} has no container`);
    return id;
  };
  const inspect = async (service: string) =>
    Inspected.parse(JSON.parse(await docker("inspect", await container(service))))[0];
  return {
    version: (await run([...program, "version"], env)).split("\n")[0]!,
    compose,
    beside: (file, ...args) =>
      run([...program, "-f", file, "-p", `${PROJECT}-beside`, ...args], {
        ...env,
        HOPWIRE_PROJECT: PROJECT,
      }),
    docker,
    container,
    inspect,
    exec: async (service, ...args) =>
      await tryRun(["docker", "exec", await container(service), ...args], env),
    async healthy(profile) {
      const { services } = Services.parse(
        parse(await Deno.readTextFile(`${ROOT}compose.yaml`), { merge: true }),
      );
      for (const [service, { profiles }] of Object.entries(services)) {
        if (profiles?.[0] !== profile) continue;
        await until(`${service} to be healthy`, async () => {
          const { Status, ExitCode, Health } = (await inspect(service)).State;
          // These prepare volumes and exit.
          if (["volumes", "cluster-volumes", "secrets"].includes(service)) {
            return Status === "exited" && ExitCode === 0;
          }
          return Status === "running" && (Health?.Status ?? "healthy") === "healthy";
        }, HEALTHY_MS);
      }
    },
    async left() {
      const filter = ["-q", "--filter", `label=com.docker.compose.project=${PROJECT}`];
      const found = [await docker("ps", "-a", ...filter), await docker("network", "ls", ...filter)];
      return found.flatMap((text) => text.split("\n")).filter(Boolean);
    },
  };
}
