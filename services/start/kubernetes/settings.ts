/**
 * What the Kubernetes manifests say about each service: ports, variables, secrets, replicas, resources.
 *
 * @module
 */
import { type ServiceName, SERVICES } from "../flags.ts";

/** Webhooks need a file of their user's, so they are a component of kustomize, in a folder of its own. */
export const WEBHOOKS_FOLDER = "webhooks";

/** The services that are always deployed, in the order in which they start. */
export const DEPLOYED: readonly ServiceName[] = SERVICES.filter((name) => name !== "hooks");

/** The settings of one service. */
export interface ServiceSettings {
  port: number;
  replicas: number;
  /** The variables that differ from those of all services. */
  env: Record<string, string>;
  /** The Secret of each folder below /secrets; some of its keys if `items` is set. */
  secrets: Record<string, { secret: string; items?: string[] }>;
  resources: { requests: Record<string, string>; limits: Record<string, string> };
  /** How long a pod may take to stop, seconds. */
  graceSeconds: number;
  /** How long a pod waits before it stops, seconds. */
  preStop?: number;
  autoscaler?: Record<string, unknown>;
}

/** A drain of 10 s, three times OTEL_EXPORTER_OTLP_TIMEOUT, and some slack; seconds. */
const GRACE_S = 20;

/** The gateway's DRAIN_WINDOW_MS, in seconds, and how long the rest of its drain takes. */
const [DRAIN_WINDOW_S, DRAIN_REST_S] = [30, 12];
/** How long endpoints may take to forget a pod that clients or back-ends connect to, seconds. */
const PRE_STOP_S = 5;

const SMALL = { requests: { cpu: "100m", memory: "192Mi" }, limits: { memory: "512Mi" } };

const nats = (service: ServiceName) => ({
  nats: { secret: `nats-${service}` },
  "nats-authority": { secret: "nats-tls", items: ["ca.crt"] },
});

/** The settings of each service. */
export const SETTINGS: Record<ServiceName, ServiceSettings> = {
  monitor: {
    port: 8090,
    // It keeps telemetry in memory.
    replicas: 1,
    env: {
      MONITOR_REMOTE: "true",
      MONITOR_HOSTS: "monitor,monitor.hopwire",
      OTEL_TRACES_SAMPLER: "parentbased_always_off",
    },
    secrets: nats("monitor"),
    resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "1Gi" } },
    graceSeconds: GRACE_S,
  },
  auth: {
    port: 8081,
    replicas: 2,
    env: { AUTH_SECRET_FILE: "/secrets/auth/secret" },
    secrets: { ...nats("auth"), auth: { secret: "auth" } },
    resources: SMALL,
    graceSeconds: GRACE_S,
  },
  persistence: {
    port: 8083,
    replicas: 2,
    env: {
      DATABASE_URL: "postgres://hopwire@postgres:5432/hopwire",
      DATABASE_PASSWORD_FILE: "/secrets/database/password",
    },
    secrets: { ...nats("persistence"), database: { secret: "database" } },
    resources: { requests: { cpu: "250m", memory: "256Mi" }, limits: { memory: "1Gi" } },
    graceSeconds: GRACE_S,
  },
  rooms: {
    port: 8082,
    replicas: 2,
    env: {},
    secrets: nats("rooms"),
    resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "1Gi" } },
    graceSeconds: GRACE_S,
  },
  api: {
    port: 8070,
    replicas: 2,
    env: { API_KEYS_FILE: "/secrets/api/api-keys.json" },
    secrets: { ...nats("api"), api: { secret: "api-keys" } },
    resources: SMALL,
    graceSeconds: PRE_STOP_S + GRACE_S,
    preStop: PRE_STOP_S,
  },
  hooks: {
    port: 8084,
    // One works, and the other takes over.
    replicas: 2,
    env: { WEBHOOKS_FILE: "/secrets/webhooks/webhooks.json" },
    secrets: { ...nats("hooks"), webhooks: { secret: "webhooks" } },
    resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "1Gi" } },
    graceSeconds: GRACE_S,
  },
  gateway: {
    port: 8080,
    replicas: 3,
    env: {
      HEALTH_PORT: "9080",
      DRAIN_WINDOW_MS: String(DRAIN_WINDOW_S * 1_000),
      // The addresses of the balancer. Only it reaches gateways, see network-policies.yaml.
      TRUSTED_PROXIES: "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",
    },
    secrets: nats("gateway"),
    // A gateway uses one core, and 10 KB a connection beside MEMORY_BUDGET_BYTES (256 MiB).
    resources: { requests: { cpu: "500m", memory: "384Mi" }, limits: { memory: "1Gi" } },
    graceSeconds: PRE_STOP_S + DRAIN_WINDOW_S + DRAIN_REST_S + 3,
    preStop: PRE_STOP_S,
    autoscaler: {
      minReplicas: 3,
      maxReplicas: 40,
      metrics: [{
        type: "Pods",
        pods: {
          metric: { name: "hopwire_connections" },
          // Two thirds of MAX_CONNECTIONS: those of a gateway that is lost must fit on the others.
          target: { type: "AverageValue", averageValue: "10000" },
        },
      }, {
        type: "Resource",
        resource: { name: "cpu", target: { type: "AverageValue", averageValue: "700m" } },
      }],
      behavior: {
        scaleUp: { policies: [{ type: "Percent", value: 50, periodSeconds: 60 }] },
        // Each gateway that goes moves its clients: not more often than it must.
        scaleDown: {
          stabilizationWindowSeconds: 600,
          policies: [{ type: "Pods", value: 1, periodSeconds: 120 }],
        },
      },
    },
  },
};
