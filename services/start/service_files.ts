/**
 * The files with which services of one's own connect, and export telemetry: one for each service of NATS_SERVICES, in the
 * form that `deno run --env-file` and `docker run --env-file` read.
 *
 * @module
 */
import { BUS_USERS, inboxPrefix } from "../contract/mod.ts";
import { type NatsAccount, seedFile } from "./nats_users.ts";
import { makePrivateFolder, writePrivateFile } from "./private_files.ts";

/**
 * Writes a file for each account that is not one of Hopwire's. `keys` is the folder of their keys.
 * `telemetry` has the variables that begin with `OTEL_`, as those of a service of Hopwire. Returns the paths.
 */
export async function writeServiceFiles(
  folder: string,
  natsUrl: string,
  keys: string,
  accounts: readonly NatsAccount[],
  telemetry: Readonly<Record<string, string>>,
): Promise<string[]> {
  const own = accounts.filter(({ name }) => !(BUS_USERS as readonly string[]).includes(name));
  if (own.length === 0) return [];
  await makePrivateFolder(`${folder}/services`);
  return await Promise.all(own.map(async ({ name }) => {
    const file = `${folder}/services/${name}.env`;
    const variables = {
      NATS_URL: natsUrl,
      NATS_NKEY_FILE: await Deno.realPath(seedFile(keys, name)),
      NATS_INBOX_PREFIX: inboxPrefix(name),
      ...telemetry,
      ...telemetry.OTEL_SERVICE_NAME === undefined ? {} : { OTEL_SERVICE_NAME: `hopwire-${name}` },
    };
    const lines = Object.entries(variables).map(([key, value]) => `${key}=${value}\n`);
    await writePrivateFile(file, lines.join(""));
    return file;
  }));
}
