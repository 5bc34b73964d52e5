/**
 * The entry of a service of one's own in compose.yaml. It follows from the declaration; a test compares the
 * two.
 *
 * @module
 */
import { ConfigError, type Declaration } from "../../kit/mod.ts";
import { flagsOfOwn } from "./run_own.ts";

/** The port of such a service in its container, for its health checks. */
const PORT = 8100;

/** The line of compose.yaml before which entries are added. */
const END = "  # end of services of your own\n";

/** Returns the variables that decide about the flags of a service in its container. */
function environmentIn(name: string): Record<string, string> {
  return {
    NATS_URL: "nats://nats:4222",
    HOST: "0.0.0.0",
    PORT: String(PORT),
    NATS_NKEY_FILE: `/secrets/services/${name}.nk`,
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://monitor:8090",
  };
}

/** Returns the command of a service in its container. */
export function composeCommand(declaration: Declaration): string[] {
  const { name } = declaration;
  return [...flagsOfOwn(declaration, environmentIn(name)), `services/${name}/main.ts`];
}

/** Returns the entry of a service, as YAML. */
export function composeEntry(declaration: Declaration): string {
  const { name, config, hosts } = declaration;
  const networks = ["bus", "telemetry", ...hosts.length > 0 ? ["outside"] : []];
  // Empty counts as unset.
  const variables = Object.keys(config).map((key) => `      ${key}: "\${${key}:-}"\n`);
  const flags = composeCommand(declaration).map((flag) => `      - ${quoted(flag)}\n`);
  return `  ${name}:
    <<: *service
    environment:
      <<: *environment
      PORT: ${PORT}
      OTEL_SERVICE_NAME: hopwire-${name}
      NATS_NKEY_FILE: ${environmentIn(name).NATS_NKEY_FILE}
${variables.join("")}    networks: [${networks.join(", ")}]
    volumes: ["secrets-services:/secrets/services:ro"]
    depends_on:
      nats:
        condition: service_healthy
    command:
${flags.join("")}    healthcheck:
      <<: *healthcheck
      test:
        - CMD
        - env
        - OTEL_DENO=false
        - deno
        - run
        - --allow-net=127.0.0.1:${PORT}
        - services/start/check_health.ts
        - http://127.0.0.1:${PORT}/readyz

`;
}

/** A flag as a YAML scalar: plain, unless it has a bracket of IPv6. */
function quoted(flag: string): string {
  return /[[\]{}#&*!|>'"%@`]/.test(flag) ? JSON.stringify(flag) : flag;
}

/**
 * Returns the text of compose.yaml with the entry of a service.
 *
 * @throws {ConfigError} if it has a service of that name already, or lost its marker
 */
export function withComposeEntry(text: string, declaration: Declaration): string {
  if (new RegExp(`^  ${declaration.name}:( |$)`, "m").test(text)) {
    throw new ConfigError(`compose.yaml: there already is a service ${declaration.name}`);
  }
  const at = text.indexOf(END);
  if (at < 0) throw new ConfigError(`compose.yaml: there is no line "${END.trim()}"`);
  return text.slice(0, at) + composeEntry(declaration) + text.slice(at);
}
