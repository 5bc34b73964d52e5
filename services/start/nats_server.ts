/**
 * Finds the nats-server binary, installing Debian's package where that can be done.
 *
 * @module
 */
import { aptInstall } from "./apt.ts";

/** Places that a login shell's PATH has and a service's may lack. */
const MORE_PLACES = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/bin"];

/** What to do, for people whose machine has no apt. */
const HOW_TO =
  "nats-server is not installed. Install it (Debian and Ubuntu: apt-get install nats-server; macOS: " +
  "brew install nats-server; else from nats.io), or name the binary in NATS_SERVER, or name a running " +
  "server in NATS_URL";

/**
 * The path of nats-server: the one NATS_SERVER names, else one on PATH, else Debian's package,
 * installed now (`say` is told before).
 *
 * @throws {Error} when there is none and it cannot be installed; the message says what to do
 */
export async function findNatsServer(say: (line: string) => void = () => {}): Promise<string> {
  const named = Deno.env.get("NATS_SERVER");
  if (named) {
    if (await isFile(named)) return named;
    throw new Error(`NATS_SERVER: there is no file ${named}`);
  }
  const found = await findOnPath("nats-server");
  if (found !== null) return found;
  if (await aptInstall(["nats-server"], say)) {
    const installed = await findOnPath("nats-server");
    if (installed !== null) return installed;
  }
  throw new Error(HOW_TO);
}

/** The full path of a program, or null. */
export async function findOnPath(program: string): Promise<string | null> {
  const places = (Deno.env.get("PATH") ?? "").split(":").filter(Boolean);
  for (const place of [...places, ...MORE_PLACES]) {
    if (await isFile(`${place}/${program}`)) return `${place}/${program}`;
  }
  return null;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}
