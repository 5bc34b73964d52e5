/** compose.yaml says what the code says, and is what it should be. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import * as z from "zod";
import { flagsOf, SERVICES } from "../../services/start/flags.ts";
import { composeCommand, withComposeEntry } from "../../services/start/own/compose_entry.ts";
import { newDeclaration } from "../../services/start/own/new_files.ts";
import { ownServices } from "../../services/start/own/own_services.ts";
import { findOnPath } from "../../services/start/nats_server.ts";
import { ROOT } from "../harness/root.ts";

const Compose = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string(),
      profiles: z.array(z.string()).optional(),
      command: z.array(z.string()).optional(),
      environment: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
      healthcheck: z.object({ test: z.array(z.string()) }).optional(),
      depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
      user: z.string().optional(),
      network_mode: z.string().optional(),
      ports: z.array(z.string()).optional(),
      networks: z.array(z.string()).optional(),
      volumes: z.array(z.string()).optional(),
    }),
  ),
  networks: z.record(z.string(), z.object({ internal: z.boolean().optional() }).nullable()),
});

const text = await Deno.readTextFile(`${ROOT}compose.yaml`);
const { services, networks } = Compose.parse(parse(text, { merge: true }));
const profile = Object.keys(services).filter((name) =>
  services[name]!.profiles?.includes("cluster")
);
/** Those that need a file with endpoints, too. */
const webhooks = Object.keys(services).filter((name) =>
  services[name]!.profiles?.includes("cluster-webhooks")
);
const own = (await ownServices()).map(({ name }) => name);

/** The variables of a container. */
const environmentOf = (name: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(services[name]!.environment!).map(([key, value]) => [key, String(value)]),
  );

Deno.test("each service of compose.yaml has the flags of flags.ts and a health check", () => {
  for (const name of SERVICES) {
    const service = services[name]!;
    const env = environmentOf(name);
    assert.deepEqual(service.command, [...flagsOf(name, env), `services/${name}/main.ts`], name);
    const port = env.HEALTH_PORT_FILE === undefined ? env.PORT : `$$(cat ${env.HEALTH_PORT_FILE})`;
    const check = service.healthcheck!.test.join(" ");
    assert.ok(check.endsWith(` http://127.0.0.1:${port}/readyz`), check);
    assert.equal(
      env.OTEL_TRACES_SAMPLER,
      name === "monitor" ? "parentbased_always_off" : "parentbased_traceidratio",
    );
    assert.equal(
      env.OTEL_EXPORTER_OTLP_ENDPOINT,
      `http://monitor:${services.monitor!.environment!.PORT}`,
    );
    for (const { condition } of Object.values(service.depends_on!)) {
      assert.equal(condition, "service_healthy");
    }
  }
});

Deno.test("each service of one's own has the entry that follows from its declaration", async () => {
  for (const declaration of await ownServices()) {
    const entry = services[declaration.name];
    assert.ok(entry !== undefined, `compose.yaml has no ${declaration.name}`);
    assert.deepEqual(entry.command, composeCommand(declaration), declaration.name);
  }
  const made = { ...newDeclaration("new-one", ["calls"]), hosts: ["api.example.com:443"] };
  const { services: more } = Compose.parse(parse(withComposeEntry(text, made), { merge: true }));
  const { command, networks: joined, environment, volumes } = more["new-one"]!;
  assert.deepEqual(command, composeCommand(made));
  assert.ok(
    command!.includes("--allow-net=0.0.0.0:8100,nats:4222,api.example.com:443,monitor:8090"),
  );
  assert.ok(command!.includes("--allow-read=/secrets/services/new-one.nk"));
  assert.deepEqual(joined, ["bus", "telemetry", "outside"]);
  assert.equal(environment!.NEW_ONE_MAX_LENGTH, "${NEW_ONE_MAX_LENGTH:-}");
  assert.deepEqual(volumes, ["secrets-services:/secrets/services:ro"]);
  assert.deepEqual(Object.keys(more).length, Object.keys(services).length + 1);
  assert.throws(() => withComposeEntry(text, { ...made, name: "rooms" }), /already is a service/);
});

Deno.test("gateways share one network, which alone publishes their port", () => {
  const { gateway, edge } = services;
  assert.equal(gateway!.network_mode, "service:edge");
  assert.equal(gateway!.environment!.REUSE_PORT, "true");
  assert.equal(gateway!.ports, undefined);
  assert.deepEqual(edge!.ports, [`127.0.0.1:${gateway!.environment!.PORT}:8080`]);
});

Deno.test("each container reaches what it needs, and what is published is published on loopback", () => {
  const onNetwork = (network: string) =>
    Object.keys(services)
      .filter((name) => services[name]!.networks?.includes(network))
      .filter((name) => ![...own, ...profile, ...webhooks].includes(name)).sort();
  assert.deepEqual(onNetwork("database"), ["persistence", "postgres"]);
  assert.deepEqual(
    onNetwork("bus"),
    ["api", "auth", "edge", "hooks", "monitor", "nats", "persistence", "rooms"],
  );
  assert.deepEqual(services.nats!.networks, ["bus"]);
  assert.deepEqual(services.postgres!.networks, ["database"]);
  assert.deepEqual(onNetwork("telemetry"), [
    "api",
    "auth",
    "edge",
    "hooks",
    "monitor",
    "persistence",
    "rooms",
    "telemetry",
  ]);
  for (const network of ["bus", "database", "telemetry"]) assert.ok(networks[network]!.internal);
  for (const { ports, networks: joined, network_mode: mode } of Object.values(services)) {
    assert.ok(joined !== undefined || mode !== undefined, "a container is on the default network");
    for (const port of ports ?? []) assert.match(port, /^127\.0\.0\.1:/);
  }
});

Deno.test("the profile cluster has three NATS servers, three gateways, and two of each other service", () => {
  const counts = { nats: 3, gateway: 3, auth: 2, persistence: 2, rooms: 2, api: 2 };
  const instances = Object.entries(counts).flatMap(([name, count]) =>
    Array.from({ length: count }, (_, index) => `${name}-${index + 1}`)
  );
  const others = ["balancer", "cluster-monitor", "cluster-postgres", "cluster-volumes"];
  assert.deepEqual(profile.toSorted(), [...instances, ...others].sort());
  for (const name of profile) assert.deepEqual(services[name]!.profiles, ["cluster"], name);

  assert.deepEqual(webhooks, ["hooks-1", "hooks-2"]);
  for (const name of ["gateway", "gateway-1", "gateway-2", "gateway-3"]) {
    assert.equal(environmentOf(name).STATE_CONNECTIONS, "${STATE_CONNECTIONS:-}", name);
  }

  for (const name of [...instances, "cluster-monitor", ...webhooks]) {
    if (name.startsWith("nats")) continue;
    const { command, networks: joined, ports, healthcheck } = services[name]!;
    const service = name.replace(/^cluster-|-\d$/g, "") as typeof SERVICES[number];
    const env = environmentOf(name);
    assert.deepEqual(command, [...flagsOf(service, env), `services/${service}/main.ts`], name);
    const port = env.HEALTH_PORT ?? env.PORT;
    assert.equal(healthcheck!.test.at(-1), `http://127.0.0.1:${port}/readyz`, name);
    assert.equal(env.NATS_TLS_CA, `/secrets/${service}/authority.pem`);
    assert.deepEqual(env.NATS_URL!.split(","), [1, 2, 3].map((n) => `tls://nats-${n}:4222`));
    assert.ok(joined!.includes("cluster-bus") && !joined!.includes("bus"), name);
    assert.deepEqual(ports ?? [], name === "cluster-monitor" ? ["127.0.0.1:8091:8090"] : []);
  }
  for (const network of ["cluster-bus", "cluster-database", "cluster-edge"]) {
    assert.ok(networks[network]!.internal);
  }
  const withDatabase = profile.filter((name) =>
    services[name]!.networks?.includes("cluster-database")
  );
  assert.deepEqual(withDatabase, ["cluster-postgres", "persistence-1", "persistence-2"]);
});

Deno.test("the balancer knows the ports of what it balances", async () => {
  const { environment, volumes, ports } = services.balancer!;
  for (const [variable, value] of Object.entries(environment!)) {
    const [, service, number, health] = /^(GATEWAY|AUTH|API)_(\d)(_HEALTH)?$/.exec(variable) ?? [];
    if (service === undefined) continue;
    const name = `${service.toLowerCase()}-${number}`;
    const { PORT, HEALTH_PORT } = environmentOf(name);
    assert.equal(String(value), health ? HEALTH_PORT : `${name}:${PORT}`, variable);
  }
  assert.deepEqual(ports, ["127.0.0.1:8443:8443", "127.0.0.1:8444:8444"]);
  const [mounted] = volumes![0]!.split(":") as [string];
  const config = await Deno.readTextFile(`${ROOT}${mounted}`);
  const used = [...config.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name);
  assert.deepEqual([...new Set(used)].sort(), Object.keys(environment!).sort());
});

Deno.test("there is no default secret, and each container has its own ones alone", () => {
  assert.doesNotMatch(text, /(SECRET|PASSWORD)[A-Z_]*:?-[^}]/);
  for (const name of [...SERVICES, "nats", "postgres"]) {
    const secrets = services[name]!.volumes!.filter((volume) => volume.startsWith("secrets-"));
    assert.deepEqual(secrets, [`secrets-${name}:/secrets/${name}:ro`]);
  }
  for (const name of [...profile, ...webhooks]) {
    const secrets = (services[name]!.volumes ?? []).filter((volume) => /^secrets-/.test(volume));
    if (name === "cluster-volumes") assert.deepEqual(secrets, []);
    else {
      const owner = /^nats/.test(name) ? name : name.replace(/^cluster-|-\d$/g, "");
      assert.deepEqual(secrets, [`secrets-${owner}:/secrets/${owner}:ro`], name);
    }
  }
});

Deno.test("images are pinned to a version", () => {
  for (const [name, { image }] of Object.entries(services)) {
    if (image === "hopwire:local") continue;
    assert.match(image, /^[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z]+)?$/, name);
  }
});

Deno.test("the Dockerfile runs as somebody who is not root, on the Deno of the tests", async () => {
  const dockerfile = await Deno.readTextFile(`${ROOT}services/Dockerfile`);
  assert.match(dockerfile, /^USER deno$/m);
  assert.match(dockerfile, /^FROM denoland\/deno:\d+\.\d+\.\d+$/m);
});

Deno.test("a gateway may write the file with its health port, also after a restart", async () => {
  const dockerfile = await Deno.readTextFile(`${ROOT}services/Dockerfile`);
  const [, folder] = /^RUN mkdir -m 1777 (\S+)$/m.exec(dockerfile)!;
  assert.equal(environmentOf("gateway").HEALTH_PORT_FILE, `${folder}/health-port`);
  assert.match(text, new RegExp(`tmpfs: \\["${folder}:[^"]*mode=1777"\\]`));
});

const dockerCompose = await findOnPath("docker-compose");

Deno.test({
  name: "docker-compose config passes",
  ignore: dockerCompose === null,
  async fn() {
    const { success, stderr } = await new Deno.Command(dockerCompose!, {
      args: ["-f", `${ROOT}compose.yaml`, "--profile", "*", "config", "-q"],
      stdout: "null",
      stderr: "piped",
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  },
});

Deno.test("Grafana finds the dashboard and the alert rules where it looks for them", async () => {
  const { volumes, environment } = services.telemetry!;
  const provisioning = "/otel-lgtm/grafana/conf/provisioning";
  const mounts = volumes!.map((volume) => volume.split(":") as [string, string, string]);
  for (const [file] of mounts) assert.ok((await Deno.stat(`${ROOT}${file}`)).isFile, file);
  const [, dashboard] = mounts.find(([file]) => file.endsWith("dashboard.json"))!;
  const provider = mounts.find(([file]) => file.endsWith("dashboards.yaml"))!;
  const { path } = parse(await Deno.readTextFile(`${ROOT}${provider[0]}`)).providers[0].options;
  assert.equal(dashboard, `${path}/dashboard.json`);
  assert.equal(environment!.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH, dashboard);
  assert.match(provider[1], new RegExp(`^${provisioning}/dashboards/\\w+\\.yaml$`));
  const [, alerts] = mounts.find(([file]) => file.endsWith("alerts.yaml"))!;
  assert.match(alerts, new RegExp(`^${provisioning}/alerting/\\w+\\.yaml$`));
});

Deno.test("each container's telemetry has an id of its own", async () => {
  const script = `${ROOT}services/start/in_container.sh`;
  const folder = await Deno.makeTempDir();
  try {
    // In place of Deno: tells what it was started with.
    await Deno.writeTextFile(`${folder}/deno`, '#!/bin/sh\necho "$OTEL_RESOURCE_ATTRIBUTES $*"\n', {
      mode: 0o755,
    });
    const run = async (given: string) => {
      const { stdout } = await new Deno.Command("sh", {
        args: [script, "--allow-env=A", "main.ts"],
        env: { PATH: `${folder}:/bin:/usr/bin`, OTEL_RESOURCE_ATTRIBUTES: given },
      }).output();
      return new TextDecoder().decode(stdout).trim();
    };
    const [first, second] = [await run(""), await run("region=eu")];
    assert.match(first, /^service\.instance\.id=[0-9a-f]{8} run --allow-env=A main\.ts$/);
    assert.match(second, /^service\.instance\.id=[0-9a-f]{8},region=eu run /);
    assert.notEqual(first.slice(0, 28), second.slice(0, 28));
    assert.match(await run("service.instance.id=pod-1"), /^service\.instance\.id=pod-1 run /);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
