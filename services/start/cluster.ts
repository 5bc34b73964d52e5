/**
 * A cluster of three NATS servers: the configuration of each. Servers speak TLS with each other and with
 * clients, and check each other's certificates.
 *
 * @module
 */

/** A certificate with its key, in files. */
export interface Certificate {
  /** The host names and addresses that it is valid for. */
  hosts: readonly string[];
  certFile: string;
  /** The same file as `certFile` if both are to be in one. */
  keyFile: string;
}

/** A server of the cluster. */
export interface ClusterNode extends Certificate {
  /** Unique in the cluster. */
  name: string;
  /** Where it listens for clients, for other servers, and for monitoring: `host:port`. */
  clients: string;
  cluster: string;
  monitoring: string;
  /** Where the others reach it: `host:port`. */
  route: string;
  /** The folder with its streams. */
  store: string;
  /** The file with the authority's certificate. */
  authorityFile: string;
}

/**
 * Returns the configuration file of one server. `authorization` is the part with accounts and users, the
 * same on each server.
 */
export function clusterConfig(
  node: ClusterNode,
  nodes: readonly ClusterNode[],
  authorization: string,
): string {
  const files = `cert_file: "${node.certFile}", key_file: "${node.keyFile}"`;
  return [
    `server_name: ${node.name}`,
    `listen: "${node.clients}"`,
    `http: "${node.monitoring}"`,
    `tls { ${files} }`,
    `jetstream { store_dir: "${node.store}" }`,
    "cluster {",
    "  name: hopwire",
    // Clients know all servers by the names in the certificates. What servers tell them would be addresses.
    "  no_advertise: true",
    `  listen: "${node.cluster}"`,
    // Servers tell each other where to reach a third one: by name, since certificates have no addresses.
    `  advertise: "${node.route}"`,
    // A server without a certificate of the authority is no part of the cluster.
    `  tls { ${files}, ca_file: "${node.authorityFile}", verify: true }`,
    `  routes: [${nodes.map(({ route }) => `"nats-route://${route}"`).join(", ")}]`,
    "}",
    authorization,
  ].join("\n");
}
