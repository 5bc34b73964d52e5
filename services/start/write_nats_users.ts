/**
 * `deno task nats-users [--traces] [--declaration FILE ...] FOLDER [service ...]`: for a NATS server of one's
 * own. Writes `users.conf`, to be included in the server's configuration, and the key of each user. Keys that
 * exist are kept. A service outside of this repository gets the rights that its declaration says. With `--traces` the users are in an account of their own, and the server, which must be 2.11
 * or later, reports its own hops.
 *
 * @module
 */
import { ConfigError, type Declaration } from "../kit/mod.ts";
import {
  authorizationOf,
  defaultAccountOf,
  NATS_ACCOUNT,
  natsAccounts,
  natsUsers,
} from "./nats_users.ts";
import { takeOption } from "./options.ts";
import { outsideDeclaration } from "./own/outside_declaration.ts";
import { ownServices } from "./own/own_services.ts";
import { printLine, printUsageError } from "./output.ts";
import { writePrivateFile } from "./private_files.ts";

/** The exit code of sysexits(3) for wrong arguments. */
const EXIT_USAGE = 64;

/** What a server with data needs before it gets the account. */
const MOVE =
  `It defines the account ${NATS_ACCOUNT}. A server with streams in its default account must be
stopped first, and its folder <store_dir>/jetstream/$G renamed to ${NATS_ACCOUNT}; see services/README.md. Then:`;

const USAGE =
  "usage: deno task nats-users [--traces] [--declaration FILE ...] FOLDER [service ...]";

/** Returns the declarations of the services in this repository and of those in files. */
async function declarations(files: readonly string[]): Promise<Declaration[]> {
  const declared = await ownServices();
  for (const file of files) {
    const declaration = await outsideDeclaration(file);
    const { name } = declaration;
    if (declared.some((other) => other.name === name)) {
      throw new ConfigError(`${file}: name: there already is a service ${name}`);
    }
    declared.push(declaration);
  }
  return declared;
}

try {
  const args = Deno.args.filter((arg) => arg !== "--traces");
  const traces = args.length < Deno.args.length;
  const files: string[] = [];
  for (let file; (file = takeOption(args, "--declaration", USAGE)) !== undefined;) files.push(file);
  const [folder, ...services] = args;
  if (folder === undefined || args.some((arg) => arg.startsWith("-"))) throw new ConfigError(USAGE);
  const users = natsUsers(services, "services", await declarations(files));
  const accounts = await natsAccounts(folder, users);
  await writePrivateFile(
    `${folder}/users.conf`,
    traces ? authorizationOf(accounts, { traces }) : defaultAccountOf(accounts),
  );
  const path = `${await Deno.realPath(folder)}/users.conf`;
  printLine(
    [
      `include "${path}" in the server's configuration${traces ? "" : ", then:"}`,
      ...traces ? [MOVE] : [],
      `NATS_URL=nats://host:4222 NATS_NKEY_FILE='${folder}/{service}.nk' deno task start`,
    ].join("\n"),
  );
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  printUsageError(error.message);
  Deno.exit(EXIT_USAGE);
}
