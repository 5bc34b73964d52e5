/**
 * Files and folders that only their owner may read.
 *
 * @module
 */

/** Creates a folder with mode 0700, or gives an existing one that mode. */
export async function makePrivateFolder(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  await Deno.chmod(folder, 0o700);
}

/** What shows that a folder is a data folder: every run of the start command makes this file. */
const OWN_FILE = "dev-secret";

/** What `deno task pack`, `deno task api-key` and the tests put into the data folder, which may come before the first run. */
const OTHERS: readonly string[] = [
  "api-keys.json",
  "client",
  "kubernetes-schemas",
  "go-examples",
  "go-tools",
  "nats-server",
  "python-examples",
];

/**
 * Creates the data folder. Earlier releases left a data folder and its files readable for others;
 * that is corrected. A folder of something else, such as a home folder, keeps its mode.
 */
export async function makeDataFolder(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const own = entries.some(({ name }) => name === OWN_FILE) ||
    entries.every(({ name }) => OTHERS.includes(name));
  if (!own) return;
  await Deno.chmod(folder, 0o700);
  for (const { name, isFile } of entries) {
    if (isFile) await Deno.chmod(`${folder}/${name}`, 0o600);
  }
}

/** Lets nobody else read the files that this process and its children create from now on. */
export function keepNewFilesPrivate(): void {
  Deno.umask(0o077);
}

/** Replaces a file in one step. The new one has mode 0600 from the beginning. */
export async function writePrivateFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${crypto.randomUUID()}.tmp`;
  await Deno.writeTextFile(temporary, text, { mode: 0o600, createNew: true });
  await Deno.rename(temporary, file);
}

/** Returns what a file holds, without the space around it; undefined if there is no such file. */
export async function readKept(file: string): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(file)).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The fewest characters of a secret; a file with fewer is damaged. */
const MIN_SECRET = 32;

/** Returns the secret in a file. Generates it if the file is missing or damaged. */
export async function keptSecret(file: string): Promise<string> {
  const kept = await readKept(file);
  if (kept !== undefined && kept.length >= MIN_SECRET) return kept;
  const secret = crypto.getRandomValues(new Uint8Array(32)).toHex();
  await writePrivateFile(file, `${secret}\n`);
  return secret;
}
