/**
 * A nats-server with users for tests of their rights.
 *
 * @module
 */
import {
  connect,
  type NatsConnection,
  nkeyAuthenticator,
  PermissionViolationError,
} from "@nats-io/transport-node";
import { inboxPrefix } from "../../services/contract/mod.ts";
import { authorizationOf, natsAccount, type NatsUser } from "../../services/start/nats_users.ts";
import { startNats } from "./nats.ts";

/** Connects as one of the users; as "test", who may do everything, for any other name. */
export type Connect = (name: string) => Promise<NatsConnection>;

/** Starts a server that knows these users, and closes every connection at the end. */
export async function withNatsUsers(
  users: readonly NatsUser[],
  play: (as: Connect) => Promise<void>,
): Promise<void> {
  const accounts = users.map((user) => natsAccount(user));
  const everybody = '{ user: "test", password: "test" }';
  const config = authorizationOf(accounts, { traces: false }).replace(
    "users: [",
    `users: [ ${everybody}`,
  );
  await using server = await startNats({ config });
  const open: NatsConnection[] = [];
  try {
    await play(async (name) => {
      const account = accounts.find((account) => account.name === name);
      const nats = await connect({
        servers: server.url.replace("nats://", ""),
        inboxPrefix: inboxPrefix(name),
        ...account === undefined
          ? { user: "test", pass: "test" }
          : { authenticator: nkeyAuthenticator(new TextEncoder().encode(account.seed)) },
      });
      open.push(nats);
      return nats;
    });
  } finally {
    await Promise.all(open.map((nats) => nats.close()));
  }
}

/** The subjects that NATS refuses this connection, by what was tried. Grows while it is open. */
export function refusals(nats: NatsConnection): Record<"publish" | "subscription", Set<string>> {
  const found = { publish: new Set<string>(), subscription: new Set<string>() };
  (async () => {
    for await (const status of nats.status()) {
      if (status.type === "error" && status.error instanceof PermissionViolationError) {
        found[status.error.operation].add(status.error.subject);
      }
    }
  })();
  return found;
}

/**
 * Adds a user for what a test itself does on the bus, as which NATS takes a connection without
 * credentials. It may do everything.
 */
export function withTestUser(authorization: string): string {
  const user = `{ user: "test", password: "${crypto.randomUUID()}" }`;
  return `no_auth_user: "test"\n${authorization.replace("users: [", `users: [\n    ${user}`)}`;
}
