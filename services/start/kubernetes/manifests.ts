/**
 * The Kubernetes manifests of Hopwire's services, from the same flags as those of the start command:
 * services/deploy/kubernetes/<service>.yaml. `deno task docs` writes them, and a test compares them.
 *
 * @module
 */
import { stringify } from "yaml";
import { flagsOf, type ServiceName } from "../flags.ts";
import { NOT_SAMPLED } from "../probe.ts";
import { DEPLOYED, type ServiceSettings, SETTINGS, WEBHOOKS_FOLDER } from "./settings.ts";

/** The user of Deno's image. */
const USER = 1993;

/** The folder with the secrets of a container, each in a folder of its own. */
const SECRETS = "/secrets";

/** A manifest: what Kubernetes calls an object. */
type Manifest = Record<string, unknown>;

const COMMON: Record<string, string> = {
  HOST: "0.0.0.0",
  NATS_URL: [0, 1, 2].map((n) => `tls://nats-${n}.nats:4222`).join(","),
  NATS_NKEY_FILE: `${SECRETS}/nats/nkey`,
  NATS_TLS_CA: `${SECRETS}/nats-authority/ca.crt`,
  OTEL_DENO: "true",
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://monitor:8090",
  OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
  OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
  OTEL_TRACES_SAMPLER_ARG: "1",
  OTEL_METRIC_EXPORT_INTERVAL: "5000",
  OTEL_BSP_SCHEDULE_DELAY: "2500",
  TRACE_RATIO: "0.01",
};

/** Returns the variables of a service. */
function environmentOf(service: ServiceName): Record<string, string> {
  const { port, env } = SETTINGS[service];
  return { ...COMMON, PORT: String(port), OTEL_SERVICE_NAME: `hopwire-${service}`, ...env };
}

function containerOf(service: ServiceName, settings: ServiceSettings): Manifest {
  const env = environmentOf(service);
  const health = Number(env.HEALTH_PORT ?? settings.port);
  const probe = (path: string, failureThreshold: number, periodSeconds = 5) => ({
    httpGet: { path, port: health, httpHeaders: [{ name: "traceparent", value: NOT_SAMPLED }] },
    periodSeconds,
    timeoutSeconds: 3,
    failureThreshold,
  });
  const ports = [{ name: "http", containerPort: settings.port }];
  if (health !== settings.port) ports.push({ name: "health", containerPort: health });
  return {
    name: service,
    image: "hopwire",
    args: [...flagsOf(service, env), `services/${service}/main.ts`],
    env: [
      // Telemetry, and so the autoscaler, knows a process by the name of its pod.
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "OTEL_RESOURCE_ATTRIBUTES", value: "service.instance.id=$(POD_NAME)" },
      ...Object.entries(env).map(([name, value]) => ({ name, value })),
    ],
    ports,
    startupProbe: probe("/healthz", 60, 1),
    readinessProbe: probe("/readyz", 2, 2),
    // Alive while the process answers: without NATS it waits, and a restart would help nobody.
    livenessProbe: probe("/healthz", 6),
    ...settings.preStop === undefined
      ? {}
      // New connections go elsewhere before the drain begins.
      : { lifecycle: { preStop: { sleep: { seconds: settings.preStop } } } },
    resources: settings.resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: Object.keys(settings.secrets).map((name) => ({
      name,
      mountPath: `${SECRETS}/${name}`,
      readOnly: true,
    })),
  };
}

function deploymentOf(service: ServiceName): Manifest {
  const settings = SETTINGS[service];
  const labels = { "app.kubernetes.io/name": service, "app.kubernetes.io/part-of": "hopwire" };
  const selector = { "app.kubernetes.io/name": service };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: service, labels },
    spec: {
      // The autoscaler decides about gateways.
      ...service === "gateway" ? {} : { replicas: settings.replicas },
      selector: { matchLabels: selector },
      strategy: settings.replicas === 1
        ? { type: "Recreate" }
        : { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          // The variables that Kubernetes adds for each Service are no variables of ours.
          enableServiceLinks: false,
          terminationGracePeriodSeconds: settings.graceSeconds,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: USER,
            runAsGroup: USER,
            fsGroup: USER,
            seccompProfile: { type: "RuntimeDefault" },
          },
          topologySpreadConstraints: [{
            maxSkew: 1,
            topologyKey: "kubernetes.io/hostname",
            whenUnsatisfiable: "ScheduleAnyway",
            labelSelector: { matchLabels: selector },
          }],
          containers: [containerOf(service, settings)],
          volumes: Object.entries(settings.secrets).map(([name, { secret, items }]) => ({
            name,
            secret: {
              secretName: secret,
              defaultMode: 0o440,
              ...items === undefined ? {} : { items: items.map((key) => ({ key, path: key })) },
            },
          })),
        },
      },
    },
  };
}

/** Returns the manifests of a service. */
function manifestsOf(service: ServiceName): Manifest[] {
  const { port, replicas, autoscaler } = SETTINGS[service];
  const metadata = { name: service, labels: { "app.kubernetes.io/part-of": "hopwire" } };
  const selector = { "app.kubernetes.io/name": service };
  const manifests: Manifest[] = [deploymentOf(service)];
  if (!["persistence", "rooms", "hooks"].includes(service)) {
    manifests.push({
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { selector, ports: [{ name: "http", port, targetPort: "http" }] },
    });
  }
  if (replicas > 1) {
    manifests.push({
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata,
      spec: { maxUnavailable: 1, selector: { matchLabels: selector } },
    });
  }
  if (autoscaler !== undefined) {
    manifests.push({
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata,
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: service },
        ...autoscaler,
      },
    });
  }
  return manifests;
}

/** Returns the text of each generated file, by its name. */
export function kubernetesFiles(): Map<string, string> {
  const head = "# Written by `deno task docs` from services/start/kubernetes/. " +
    "Change it with patches of kustomize.\n";
  const text = (service: ServiceName) =>
    head +
    manifestsOf(service).map((manifest) => stringify(manifest, { lineWidth: 0 })).join("---\n");
  return new Map([
    ...DEPLOYED.map((service) => [`${service}.yaml`, text(service)] as const),
    [`${WEBHOOKS_FOLDER}/hooks.yaml`, text("hooks")],
  ]);
}

/** Where the files are. */
export const KUBERNETES_FOLDER = new URL("../../deploy/kubernetes/", import.meta.url).pathname;

/** Writes the files. */
export async function writeKubernetesFiles(): Promise<void> {
  for (const [name, text] of kubernetesFiles()) {
    await Deno.writeTextFile(KUBERNETES_FOLDER + name, text);
  }
}
