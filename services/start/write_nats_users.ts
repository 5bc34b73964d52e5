/**
 * `deno task nats-users FOLDER [service ...]`: for a NATS server of one's own. Writes `users.conf`, to
 * be included in the server's configuration, and the key of each user. Keys that exist are kept.
 *
 * @module
 */
import { ConfigError } from "../kit/mod.ts";
import { authorizationOf, natsAccounts, natsUsers } from "./nats_users.ts";
import { printLine, printUsageError } from "./output.ts";
import { writePrivateFile } from "./private_files.ts";

/** The exit code of sysexits(3) for wrong arguments. */
const EXIT_USAGE = 64;

const [folder, ...services] = Deno.args;
try {
  if (folder === undefined || folder.startsWith("-")) {
    throw new ConfigError("expected a folder, and then the names of services of your own");
  }
  const accounts = await natsAccounts(folder, natsUsers(services, "services"));
  await writePrivateFile(`${folder}/users.conf`, authorizationOf(accounts));
  printLine(
    `include "${await Deno.realPath(folder)}/users.conf" in the server's configuration, then:
NATS_URL=nats://host:4222 NATS_NKEY_FILE='${folder}/{service}.nk' deno task start`,
  );
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  printUsageError(error.message);
  Deno.exit(EXIT_USAGE);
}
