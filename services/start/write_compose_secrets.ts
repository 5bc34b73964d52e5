/**
 * The one-shot container `secrets` of compose.yaml: generates every secret of the system that does not
 * exist yet, into one volume for each container that needs some, and nats-server's configuration.
 * Runs as root, since each volume belongs to the user of its container.
 *
 * @module
 */
import * as z from "zod";
import { BUS_USERS } from "../contract/mod.ts";
import { list, readConfig } from "../kit/mod.ts";
import { keepCertificates } from "./certificates.ts";
import { clusterConfig, type ClusterNode } from "./cluster.ts";
import { KEY_OWNER } from "./own/outside_files.ts";
import { ownServices } from "./own/own_services.ts";
import { authorizationOf, natsAccounts, natsUsers } from "./nats_users.ts";
import { keptSecret, readKept, writePrivateFile } from "./private_files.ts";

/** Where the volumes are mounted, and the user of each container. */
const ROOT = "/secrets";
const OWNERS: Record<string, number> = {
  nats: 1000,
  postgres: 999,
  services: KEY_OWNER,
  "nats-1": 1000,
  "nats-2": 1000,
  "nats-3": 1000,
  // The user of haproxy in its image.
  balancer: 99,
  ...Object.fromEntries(BUS_USERS.map((user) => [user, KEY_OWNER])),
};

/** The variables of the container; see services/README.md. */
const CONFIG = z.object({
  NATS_SERVICES: list().default([]),
  AUTH_SECRET: z.string().optional(),
  POSTGRES_PASSWORD: z.string().optional(),
});

/** Writes the given secret, or else keeps the one in the file, or else generates one. */
async function secret(file: string, given: string | undefined): Promise<string> {
  const kept = await readKept(file);
  if (given === undefined) return kept || await keptSecret(file);
  if (kept !== given) await writePrivateFile(file, given);
  return given;
}

const config = readConfig(CONFIG);
const users = natsUsers(config.NATS_SERVICES, "NATS_SERVICES", await ownServices());
const accounts = await Promise.all(users.map(async (user) => {
  const own = (BUS_USERS as readonly string[]).includes(user.name);
  const folder = `${ROOT}/${own ? user.name : "services"}`;
  return (await natsAccounts(folder, [user]))[0]!;
}));
// compose.yaml pins a server that reports its hops.
const authorization = authorizationOf(accounts, { traces: true });
await writePrivateFile(
  `${ROOT}/nats/nats.conf`,
  [
    "listen: 0.0.0.0:4222",
    "http: 127.0.0.1:8222",
    'jetstream { store_dir: "/data" }',
    authorization,
  ].join("\n"),
);
const nodes = ["nats-1", "nats-2", "nats-3"].map((name): ClusterNode => ({
  name,
  hosts: [name],
  clients: "0.0.0.0:4222",
  cluster: "0.0.0.0:6222",
  monitoring: "127.0.0.1:8222",
  route: `${name}:6222`,
  store: "/data",
  certFile: `${ROOT}/${name}/cert.pem`,
  keyFile: `${ROOT}/${name}/key.pem`,
  authorityFile: `${ROOT}/${name}/authority.pem`,
}));
for (const node of nodes) {
  await writePrivateFile(
    `${ROOT}/${node.name}/nats.conf`,
    clusterConfig(node, nodes, authorization),
  );
}
const pem = `${ROOT}/balancer/tls.pem`;
await keepCertificates(
  [...nodes, { hosts: ["localhost", "127.0.0.1"], certFile: pem, keyFile: pem }],
  [
    ...nodes.map(({ authorityFile }) => authorityFile),
    ...["balancer", ...BUS_USERS].map((name) => `${ROOT}/${name}/authority.pem`),
  ],
);
await secret(`${ROOT}/auth/secret`, config.AUTH_SECRET);
const password = await secret(`${ROOT}/postgres/password`, config.POSTGRES_PASSWORD);
await secret(`${ROOT}/persistence/database-password`, password);

for (const [folder, owner] of Object.entries(OWNERS)) {
  const path = `${ROOT}/${folder}`;
  for await (const { name } of Deno.readDir(path)) {
    await Deno.chown(`${path}/${name}`, owner, owner);
  }
  await Deno.chown(path, owner, owner);
  await Deno.chmod(path, 0o700);
}
