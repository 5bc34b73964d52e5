/**
 * The users of NATS: generates their keys, keeps them in files, and writes the part of nats-server's
 * configuration that gives each user its rights. The keys are nkeys: the server knows the public half
 * alone, and a user signs what the server sends it. So no secret is in the server's configuration or
 * travels over the network.
 *
 * @module
 */
import {
  BUS_RIGHTS,
  BUS_USERS,
  type BusRights,
  isServiceNeed,
  NATS_TRACES,
  neededRights,
  SERVICE_EXTRAS,
  SERVICE_NAME,
  SERVICE_NEEDS,
  type ServiceExtra,
  type ServiceNeed,
  serviceRights,
} from "../contract/mod.ts";
import { nkeys } from "@nats-io/transport-node";
import { ConfigError } from "../kit/mod.ts";
import { makePrivateFolder, readKept, writePrivateFile } from "./private_files.ts";

/** The account of NATS that Hopwire's users are in. */
export const NATS_ACCOUNT = "HOPWIRE";

/** A user of NATS. */
export interface NatsUser {
  name: string;
  rights: BusRights;
}

/** A user of NATS with its key. */
export interface NatsAccount extends NatsUser {
  /** What the server knows. */
  publicKey: string;
  /** The secret half of the key. */
  seed: string;
}

/**
 * Returns the users of Hopwire's services and of services of one's own, each given as `name`, as
 * `name+extra+...` with some of {@link SERVICE_EXTRAS}, or as `name=need+...` with exactly what it needs.
 * `declared` are services that are known already.
 *
 * @throws {ConfigError} for a name that is invalid or in use, and for an unknown extra or need; the
 * message starts with `variable`
 */
export function natsUsers(
  services: readonly string[],
  variable = "NATS_SERVICES",
  declared: readonly { name: string; needs: readonly ServiceNeed[] }[] = [],
): NatsUser[] {
  const users: NatsUser[] = BUS_USERS.map((name) => ({ name, rights: BUS_RIGHTS[name] }));
  for (const { name, needs } of declared) users.push({ name, rights: neededRights(name, needs) });
  for (const service of services) {
    const [first, exact] = service.split("=", 2) as [string, string?];
    const [name, ...extras] = first.split("+") as [string, ...string[]];
    if (!SERVICE_NAME.test(name)) {
      throw new ConfigError(
        `${variable}: expected names of a-z 0-9 _ - (got ${JSON.stringify(name)})`,
      );
    }
    if (users.some((user) => user.name === name)) {
      throw new ConfigError(`${variable}: there already is a service ${name}`);
    }
    for (const extra of extras) {
      if ((SERVICE_EXTRAS as readonly string[]).includes(extra)) continue;
      const known = SERVICE_EXTRAS.join(", ");
      throw new ConfigError(`${variable}: ${name} may have ${known}; not ${JSON.stringify(extra)}`);
    }
    const rights = exact === undefined
      ? serviceRights(name, extras as ServiceExtra[])
      : neededRights(name, [
        ...needsOf(exact, `${variable}: ${name}`),
        ...extras as ServiceExtra[],
      ]);
    users.push({ name, rights });
  }
  return users;
}

/** Parses the needs of a service, as they are written in a variable. */
function needsOf(text: string, what: string): ServiceNeed[] {
  return text.split("+").filter(Boolean).map((need) => {
    if (isServiceNeed(need)) return need;
    const known = Object.keys(SERVICE_NEEDS).join(", ");
    throw new ConfigError(`${what} may need ${known}; not ${JSON.stringify(need)}`);
  });
}

/** Returns the user with a key; with a new one unless a seed is given. */
export function natsAccount(user: NatsUser, seed?: string): NatsAccount {
  const key = seed === undefined
    ? nkeys.createUser()
    : nkeys.fromSeed(new TextEncoder().encode(seed));
  return {
    ...user,
    publicKey: key.getPublicKey(),
    seed: seed ?? new TextDecoder().decode(key.getSeed()),
  };
}

/** The file with the seed of a user's key, in the folder of {@link natsAccounts}. */
export function seedFile(folder: string, name: string): string {
  return `${folder}/${name}.nk`;
}

/**
 * Returns the users with their keys, whose seeds are in one file each in `folder`. Generates those
 * that are missing, and keeps the others.
 *
 * @throws {Error} if a file does not hold the seed of a key
 */
export async function natsAccounts(
  folder: string,
  users: readonly NatsUser[],
): Promise<NatsAccount[]> {
  await makePrivateFolder(folder);
  return await Promise.all(users.map(async (user) => {
    const file = seedFile(folder, user.name);
    const kept = await readKept(file);
    if (kept === undefined) {
      const account = natsAccount(user);
      await writePrivateFile(file, account.seed);
      return account;
    }
    try {
      return natsAccount(user, kept);
    } catch {
      throw new Error(`${file} does not hold the seed of an nkey; without it a new one is made`);
    }
  }));
}

/** Returns the part of nats-server's configuration with users of the server's default account. */
export function defaultAccountOf(users: readonly NatsAccount[]): string {
  return ["authorization {", "    users: [", ...users.map(userBlock), "    ]", "}", ""].join("\n");
}

/**
 * Returns the part of nats-server's configuration with the account of Hopwire, its users and their
 * rights. With `traces` the server reports what it does with messages whose trace is recorded; servers
 * before 2.11 refuse that line. It can be said of an account alone, and not of the server's default one.
 */
export function authorizationOf(
  users: readonly NatsAccount[],
  { traces }: { traces: boolean },
): string {
  return [
    "accounts {",
    `  ${NATS_ACCOUNT} {`,
    "    jetstream: enabled",
    ...traces ? [`    msg_trace: { dest: "${NATS_TRACES}", sampling: 100 }`] : [],
    "    users: [",
    ...users.map(userBlock),
    "    ]",
    "  }",
    "}",
    "",
  ].join("\n");
}

function userBlock({ name, publicKey, rights }: NatsAccount): string {
  const { publish, subscribe, answersWithin } = rights;
  const allow = (subjects: readonly string[]) =>
    `{ allow: [${subjects.map((subject) => JSON.stringify(subject)).join(", ")}] }`;
  return [
    `      { # ${name}`,
    `        nkey: ${publicKey}`,
    "        permissions {",
    // An empty list would allow everything.
    `          publish: ${publish.length > 0 ? allow(publish) : '{ deny: [">"] }'}`,
    `          subscribe: ${allow(subscribe)}`,
    ...answersWithin === undefined
      ? []
      : [`          allow_responses: { max: 1, expires: "${answersWithin}s" }`],
    "        }",
    "      }",
  ].join("\n");
}
