/**
 * `deno task nats-users [--traces] FOLDER [service ...]`: for a NATS server of one's own. Writes
 * `users.conf`, to be included in the server's configuration, and the key of each user. Keys that exist
 * are kept. With `--traces` the users are in an account of their own, and the server, which must be 2.11
 * or later, reports its own hops.
 *
 * @module
 */
import { ConfigError } from "../kit/mod.ts";
import {
  authorizationOf,
  defaultAccountOf,
  NATS_ACCOUNT,
  natsAccounts,
  natsUsers,
} from "./nats_users.ts";
import { ownServices } from "./own/own_services.ts";
import { printLine, printUsageError } from "./output.ts";
import { writePrivateFile } from "./private_files.ts";

/** The exit code of sysexits(3) for wrong arguments. */
const EXIT_USAGE = 64;

/** What a server with data needs before it gets the account. */
const MOVE =
  `It defines the account ${NATS_ACCOUNT}. A server with streams in its default account must be
stopped first, and its folder <store_dir>/jetstream/$G renamed to ${NATS_ACCOUNT}; see services/README.md. Then:`;

const traces = Deno.args.includes("--traces");
const [folder, ...services] = Deno.args.filter((arg) => arg !== "--traces");
try {
  if (folder === undefined || folder.startsWith("-")) {
    throw new ConfigError("expected a folder, and then the names of services of your own");
  }
  const accounts = await natsAccounts(folder, natsUsers(services, "services", await ownServices()));
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
