/**
 * Every environment variable of the system, grouped by the process that reads it. `--help`, the
 * configuration reference and the check for misspelled variables use this list.
 *
 * @module
 */
import type * as z from "zod";
import { BASE_CONFIG, describeVariable, type VariableInfo } from "../kit/mod.ts";
import { START_CONFIG } from "./config.ts";
import { SERVICE_CONFIGS, SERVICES } from "./flags.ts";
import { TELEMETRY_VARIABLES } from "./telemetry.ts";

/** The variables of one process. */
export interface VariableGroup {
  /** A heading. */
  title: string;
  /** One sentence on who reads these variables. */
  about: string;
  /** The variables by name, in the order of the schema. */
  variables: Record<string, VariableInfo>;
}

/** The variables that the start command itself reads. */
export const START_GROUP: VariableGroup = {
  title: "start",
  about: "The start command reads these. It passes the variables of the services on to them.",
  variables: describeAll(START_CONFIG.shape),
};

/** The variables that turn telemetry on. */
export const TELEMETRY_GROUP: VariableGroup = {
  title: "Telemetry",
  about:
    "The start command passes every other `OTEL_` variable on to all services. With monitor, or with " +
    "the endpoint set, it also sets the defaults below. compose.yaml sets the same ones.",
  variables: TELEMETRY_VARIABLES,
};

/** The variables of the services. */
export const SERVICE_GROUPS: VariableGroup[] = [
  {
    title: "Every service",
    about: "The start command decides `HOST` and `PORT` of each service, and sets " +
      "`LOG_FORMAT=text` unless you set it. The `NATS_` variables count with `NATS_URL` alone: " +
      "without it each service is a user of the nats-server that the command starts.",
    variables: describeAll(BASE_CONFIG),
  },
  ...SERVICES.map((service) => ({
    title: service,
    about: `Only the ${service} ${service === "gateway" ? "" : "service "}reads these.`,
    variables: describeAll(SERVICE_CONFIGS[service]),
  })),
];

/** The names of all variables. */
export const KNOWN_VARIABLES: ReadonlySet<string> = new Set(
  [START_GROUP, TELEMETRY_GROUP, ...SERVICE_GROUPS].flatMap(({ variables }) =>
    Object.keys(variables)
  ),
);

function describeAll(shape: z.ZodRawShape): Record<string, VariableInfo> {
  return Object.fromEntries(
    Object.entries(shape).map(([name, schema]) => [name, describeVariable(schema)]),
  );
}
