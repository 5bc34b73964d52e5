/** The Kubernetes manifests are valid, complete, and as strict as compose.yaml. */
import assert from "node:assert/strict";
import { parse, parseAllDocuments } from "yaml";
import { SERVICES, variablesOf } from "../../services/start/flags.ts";
import { KUBERNETES_FOLDER, kubernetesFiles } from "../../services/start/kubernetes/manifests.ts";
import { findNatsServer } from "../../services/start/nats_server.ts";
import { makeCertificate } from "../harness/certificate.ts";
import { codeBlock, codeBlocks, commandLines } from "../harness/code_blocks.ts";
import { kubernetesSchemas } from "../harness/kubernetes_schemas.ts";
import { ROOT } from "../harness/root.ts";

// deno-lint-ignore no-explicit-any
type Manifest = any;

const read = (name: string) => Deno.readTextFile(KUBERNETES_FOLDER + name);
const { resources } = parse(await read("kustomization.yaml")) as { resources: string[] };
const component: Manifest = parse(await read("webhooks/kustomization.yaml"));
const added: string[] = component.resources.map((name: string) => `webhooks/${name}`);
const manifests: Manifest[] = (await Promise.all(
  [...resources, ...added].map(async (name) =>
    parseAllDocuments(await read(name)).map((document) => document.toJS())
  ),
)).flat();
const ofKind = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);
const workloads = [...ofKind("Deployment"), ...ofKind("StatefulSet")];
const environmentOf = (workload: Manifest): Record<string, string> =>
  Object.fromEntries(
    workload.spec.template.spec.containers[0].env.map(({ name, value }: Manifest) => [name, value]),
  );

Deno.test("the manifests of the services are those of their flags", async () => {
  for (const [name, text] of kubernetesFiles()) {
    assert.equal(await read(name), text, `${name}: run deno task docs`);
  }
  assert.deepEqual(
    ofKind("Deployment").map(({ metadata }) => metadata.name).sort(),
    [...SERVICES].sort(),
  );
});

Deno.test("the kustomization has every file of the folder", async () => {
  const filesOf = async (folder: string) =>
    (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name)
      .filter((name) => name.endsWith(".yaml") && name !== "kustomization.yaml").sort();
  assert.deepEqual(resources.toSorted(), await filesOf(KUBERNETES_FOLDER));
  assert.deepEqual(component.resources.toSorted(), await filesOf(`${KUBERNETES_FOLDER}webhooks`));
});

Deno.test("the component of webhooks lets gateways state connections, and hooks reach endpoints", () => {
  const [{ target, patch }] = component.patches;
  const gateway = ofKind("Deployment").find(({ metadata }) => metadata.name === target.name);
  const [{ op, path, value }] = parse(patch);
  assert.deepEqual([op, path], ["add", "/spec/template/spec/containers/0/env/-"]);
  assert.deepEqual(value, { name: "STATE_CONNECTIONS", value: "true" });
  assert.ok(variablesOf("gateway").includes(value.name) && gateway !== undefined);
  const policies = ofKind("NetworkPolicy");
  const { spec } = policies.find(({ metadata }) => metadata.name === "hooks");
  assert.deepEqual(spec.egress, [{ ports: [{ port: 443 }] }]);
  const bus = policies.find(({ metadata }) => metadata.name === "services").spec.podSelector;
  assert.deepEqual(bus.matchExpressions[0].values.toSorted(), [...SERVICES].sort());
});

const validate = await kubernetesSchemas();
// deno-lint-ignore no-console
if (typeof validate === "string") console.log(`skipping the schemas of Kubernetes: ${validate}`);

Deno.test({
  name: "each manifest is valid by the strict schemas of Kubernetes",
  ignore: typeof validate === "string",
  async fn() {
    assert.ok(typeof validate !== "string");
    for (const manifest of manifests) assert.deepEqual(await validate(manifest), []);
    const [gateway] = ofKind("Deployment");
    const misspelled = structuredClone(gateway);
    misspelled.spec.template.spec.terminationGracePeriod = 1;
    assert.notDeepEqual(await validate(misspelled), []);
  },
});

Deno.test("containers run as nobody special, cannot write, and have no token", () => {
  assert.equal(workloads.length, SERVICES.length + 1);
  for (const { metadata: { name }, spec: { template: { spec } } } of workloads) {
    assert.equal(spec.automountServiceAccountToken, false, name);
    assert.equal(spec.enableServiceLinks, false, name);
    assert.equal(spec.securityContext.runAsNonRoot, true, name);
    assert.ok(spec.securityContext.runAsUser > 0, name);
    assert.equal(spec.securityContext.seccompProfile.type, "RuntimeDefault", name);
    for (const container of spec.containers) {
      assert.deepEqual(container.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      }, name);
      for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) {
        assert.ok(container[probe].httpGet.port > 0, `${name} has no ${probe}`);
      }
      assert.ok(container.resources.requests.cpu && container.resources.limits.memory, name);
      for (const { name: volume } of container.volumeMounts) {
        const known = [
          ...spec.volumes,
          ...workloads.flatMap((one) =>
            one.spec.volumeClaimTemplates?.map(({ metadata }: Manifest) => metadata) ?? []
          ),
        ];
        assert.ok(known.some((one: Manifest) => one.name === volume), `${name}: ${volume}`);
      }
    }
  }
});

Deno.test("a pod may stop for as long as its drain takes, and gateways are probed on their health port", () => {
  for (const workload of ofKind("Deployment")) {
    const { metadata: { name }, spec: { template: { spec } } } = workload;
    const env = environmentOf(workload);
    const [container] = spec.containers;
    const sleep = container.lifecycle?.preStop.sleep.seconds ?? 0;
    const drain = name === "gateway" ? Number(env.DRAIN_WINDOW_MS) / 1_000 + 12 : 10;
    const telemetry = 3 * Number(env.OTEL_EXPORTER_OTLP_TIMEOUT) / 1_000;
    assert.ok(spec.terminationGracePeriodSeconds >= sleep + drain + telemetry, name);
    const { path, port } = container.readinessProbe.httpGet;
    assert.deepEqual([path, String(port)], ["/readyz", env.HEALTH_PORT ?? env.PORT], name);
    assert.equal(container.livenessProbe.httpGet.path, "/healthz");
    assert.equal(env.HEALTH_PORT !== undefined, name === "gateway");
  }
});

Deno.test("a disruption takes one pod at a time, and the autoscaler counts connections", () => {
  const replicated = workloads.filter(({ spec }) => (spec.replicas ?? 2) > 1);
  const budgets = ofKind("PodDisruptionBudget");
  assert.equal(budgets.length, replicated.length);
  for (const { metadata: { name }, spec } of budgets) {
    assert.equal(spec.maxUnavailable, 1);
    const workload = replicated.find((one) => one.metadata.name === name);
    assert.deepEqual(spec.selector, workload.spec.selector, name);
  }
  const [autoscaler, ...more] = ofKind("HorizontalPodAutoscaler");
  assert.deepEqual(more, []);
  assert.equal(autoscaler.spec.scaleTargetRef.name, "gateway");
  assert.equal(autoscaler.spec.metrics[0].pods.metric.name, "hopwire_connections");
  const gateway = ofKind("Deployment").find(({ metadata }) => metadata.name === "gateway");
  assert.equal(gateway.spec.replicas, undefined);
});

Deno.test("each pod is reached by nobody unless a policy says so, and README.md tells how to make its Secrets", async () => {
  const policies = ofKind("NetworkPolicy");
  const closed = policies.find(({ metadata }) => metadata.name === "nothing");
  assert.deepEqual(closed.spec, { podSelector: {}, policyTypes: ["Ingress", "Egress"] });
  const readme = await read("README.md");
  for (const { spec: { template: { spec } } } of workloads) {
    for (const { secret } of spec.volumes) {
      if (secret === undefined) continue;
      const named = secret.secretName.replace(/^nats-(?!users|tls).*/, "nats-$service");
      assert.ok(readme.includes(named), `README.md does not say how to make ${secret.secretName}`);
    }
  }
});

Deno.test("the commands of README.md name files, folders and services that are there", async () => {
  const before = await codeBlock(
    "services/deploy/kubernetes/README.md",
    "## Before the first start",
    "sh",
  );
  const hooks = await codeBlock("services/deploy/kubernetes/README.md", "## Webhooks", "sh");
  const folder = await Deno.makeTempDir({ prefix: "hopwire-kubernetes-" });
  try {
    const made = new Set([
      "auth-secret",
      "database-password",
      ".data/api-keys.json",
      "webhooks.json",
    ]);
    const [, loop] = /^for service in (.+); do$/m.exec(before)!;
    assert.deepEqual([...loop!.split(" "), "hooks"].sort(), [...SERVICES].sort());
    const [, task] = /^deno (task nats-users --traces) keys$/m.exec(before)!;
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: [...task!.split(" "), `${folder}/keys`],
      cwd: ROOT,
    }).output();
    assert.ok(success);
    for await (const { name } of Deno.readDir(`${folder}/keys`)) made.add(`keys/${name}`);
    for (const command of commandLines(before + hooks)) {
      for (const [, path] of command.matchAll(/ (?:-f|-k) (\S+)/g)) await Deno.stat(ROOT + path);
      const [, file] = / --from-file=(?:[^=]+=)?"?([^\s"]+)/.exec(command) ?? [];
      if (file === undefined) continue;
      for (const service of file.includes("$service") ? loop!.split(" ") : [""]) {
        const path = file.replace("$service", service);
        assert.ok(made.has(path), `${command}: nothing makes ${path}`);
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the YAML of README.md fits the manifests", async () => {
  const certificate: Manifest = parse(
    await codeBlock("services/deploy/kubernetes/README.md", "## Before the first start", "yaml"),
  );
  const [nats] = ofKind("StatefulSet");
  const namespace = ofKind("Namespace")[0].metadata.name;
  assert.equal(certificate.metadata.namespace, namespace);
  assert.ok(
    nats.spec.template.spec.volumes.some((volume: Manifest) =>
      volume.secret?.secretName === certificate.spec.secretName
    ),
  );
  assert.deepEqual(
    certificate.spec.dnsNames,
    Array.from({ length: nats.spec.replicas }, (_, index) => `nats-${index}.nats`),
  );

  const { resources, components }: Record<string, string[]> = parse(
    await codeBlock("services/deploy/kubernetes/README.md", "## Webhooks", "yaml"),
  );
  for (const path of [...resources!, ...components!]) {
    assert.ok((await Deno.stat(`${ROOT}${path}/kustomization.yaml`)).isFile, path);
  }

  const [scraping, adapter] = await codeBlocks(
    "services/deploy/kubernetes/README.md",
    "## Scaling on connections",
    "yaml",
    2,
  );
  const [config] = parse(scraping!).scrape_configs;
  const monitor = ofKind("Service").find(({ metadata }) => metadata.name === "monitor");
  const [{ port }] = monitor.spec.ports;
  assert.deepEqual(config.static_configs[0].targets, [`monitor.${namespace}:${port}`]);
  assert.equal(config.static_configs[0].labels.namespace, namespace);
  const [rule] = parse(adapter!).rules;
  const [autoscaler] = ofKind("HorizontalPodAutoscaler");
  const [, metric, service] = /^(\w+)\{service_name="hopwire-(\w+)"\}$/.exec(rule.seriesQuery)!;
  assert.equal(metric, autoscaler.spec.metrics[0].pods.metric.name);
  assert.equal(service, autoscaler.spec.scaleTargetRef.name);
  const [relabel] = config.metric_relabel_configs;
  assert.ok(relabel.target_label in rule.resources.overrides);
});

Deno.test("nats-server takes the configuration of the manifests", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-kubernetes-" });
  try {
    const { certFile, keyFile } = await makeCertificate(folder, "nats");
    const [config] = ofKind("ConfigMap");
    await Deno.mkdir(`${folder}/config`);
    await Deno.mkdir(`${folder}/users`);
    await Deno.writeTextFile(`${folder}/users/users.conf`, "accounts { HOPWIRE { users: [] } }\n");
    const text = config.data["nats.conf"].replaceAll("/tls/tls.crt", certFile)
      .replaceAll("/tls/tls.key", keyFile).replaceAll("/tls/ca.crt", certFile)
      .replaceAll("/data", `${folder}/data`).replaceAll("/run/nats", folder);
    await Deno.writeTextFile(`${folder}/config/nats.conf`, text);
    const { success, stderr } = await new Deno.Command(await findNatsServer(), {
      args: ["-t", "-c", `${folder}/config/nats.conf`],
      env: { POD_NAME: "nats-0" },
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
