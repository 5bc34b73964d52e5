/**
 * A context of the `nats` CLI (ADR-21): a file with which it connects as the user `observer`, who may look
 * and do nothing else. The CLI finds contexts by their names below `$XDG_CONFIG_HOME/nats/context/`, and
 * takes no path of a file.
 *
 * @module
 */
import { inboxPrefix } from "../contract/mod.ts";
import { natsUrl } from "../kit/mod.ts";
import { type Environment, natsEnvironment } from "./environments.ts";
import { makePrivateFolder, writePrivateFile } from "./private_files.ts";

/** The user of NATS that the CLI is. */
const USER = "observer";

/** The name of the context. */
const CONTEXT = "hopwire";

/** Returns what to call the CLI with, before a command of it such as `micro ls`. */
export function natsCommand(folder: string): string {
  return `XDG_CONFIG_HOME=${quoted(configFolder(folder))} nats --context ${CONTEXT}`;
}

/**
 * Writes the context of the servers of `url` into the data folder. `given` is the start command's own
 * environment, and `keys` the folder with the keys of the users of NATS, unless the servers are the user's.
 * Without a context, one of an earlier run is removed: the credentials of the user's servers may be a
 * password, which no file of ours holds, or `observer` may be missing there.
 *
 * @returns whether there is a context
 */
export async function writeNatsContext(
  folder: string,
  url: string,
  given: Environment,
  keys: string | undefined,
): Promise<boolean> {
  const file = `${configFolder(folder)}/nats/context/${CONTEXT}.json`;
  const env = natsEnvironment(USER, given, keys);
  const context = await contextOf(url, env);
  if (context === undefined) {
    await Deno.remove(file).catch(() => {});
    return false;
  }
  await makePrivateFolder(configFolder(folder));
  await Deno.mkdir(`${configFolder(folder)}/nats/context`, { recursive: true, mode: 0o700 });
  await writePrivateFile(file, JSON.stringify(context, null, 2) + "\n");
  return true;
}

async function contextOf(url: string, env: Environment): Promise<object | undefined> {
  if (env.NATS_USER || url.split(",").some((part) => natsUrl(part.trim())!.username !== "")) {
    return undefined;
  }
  const paths = {
    nkey: env.NATS_NKEY_FILE,
    creds: env.NATS_CREDS_FILE,
    ca: env.NATS_TLS_CA,
    cert: env.NATS_TLS_CERT,
    key: env.NATS_TLS_KEY,
  };
  const context: Record<string, string> = {
    description: "Hopwire: look at services and streams",
    url,
    inbox_prefix: env.NATS_INBOX_PREFIX || inboxPrefix(USER),
  };
  for (const [name, path] of Object.entries(paths)) {
    if (!path) continue;
    const absolute = await Deno.realPath(path).catch(() => undefined);
    if (absolute === undefined) return undefined;
    context[name] = absolute;
  }
  return context;
}

const configFolder = (folder: string) => `${folder}/nats-cli`;

/** Returns a word as a shell takes it. */
function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
