/**
 * A private PostgreSQL for tests, on a free port with a folder of its own. Its data is not synced to
 * disk: a test needs it to outlive the server's process, not the machine.
 *
 * @module
 */
import postgres from "postgres";
import { aptInstall } from "../../services/start/apt.ts";
import { type ChildProcess, freePort, startProcess } from "./process.ts";
import { until } from "./wait.ts";

/** Where Debian keeps the programs, a folder for each version. */
const DEBIAN_FOLDER = "/usr/lib/postgresql";

/** A PostgreSQL under test. */
export interface PostgresServer extends AsyncDisposable {
  /** The URL of a new, empty database. */
  createDatabase(): Promise<string>;
  /** The process that runs now. */
  readonly process: ChildProcess;
  /** Ends it at once, as a crash would: no connection is told, nothing is written down. */
  crash(): Promise<void>;
  /** Starts it again on the same port with the same data. */
  restart(): Promise<void>;
  /** Stops it and all its connections in their tracks, and lets them go on. */
  pause(): Promise<void>;
  goOn(): Promise<void>;
}

/** Why there can be no PostgreSQL here, or null where there can. May install Debian's package. */
export async function postgresMissing(): Promise<string | null> {
  if (Deno.build.os !== "linux") return "PostgreSQL for tests is looked for on Linux alone";
  if (await findPrograms() !== null) return null;
  const said: string[] = [];
  await aptInstall(["postgresql"], (line) => said.push(line));
  if (await findPrograms() !== null) return null;
  return said.at(-1) ?? `PostgreSQL is not installed (${DEBIAN_FOLDER}), and only root may do it`;
}

/**
 * Starts a PostgreSQL.
 *
 * @throws {Error} where {@link postgresMissing} gives a reason, and when it does not start
 */
export async function startPostgres(): Promise<PostgresServer> {
  const programs = await findPrograms();
  if (programs === null) throw new Error("PostgreSQL is not installed");
  const folder = await Deno.makeTempDir({ prefix: "hopwire-postgres-" });
  const port = freePort();
  const url = (database: string) => `postgres://postgres@127.0.0.1:${port}/${database}`;
  const as = await otherUser();
  if (as !== null) await Deno.chown(folder, as.uid, as.gid);
  // Neither program runs as root.
  const run = (program: string, args: string[]) =>
    as === null
      ? startProcess(`${programs}/${program}`, args, { cwd: folder })
      : startProcess("/usr/bin/setpriv", [
        `--reuid=${as.uid}`,
        `--regid=${as.gid}`,
        "--clear-groups",
        `${programs}/${program}`,
        ...args,
      ], { cwd: folder });
  const data = `${folder}/data`;
  const launch = async () => {
    const process = run("postgres", [
      ...["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", folder],
      ...["fsync=off", "shared_buffers=16MB", "max_connections=60"].flatMap((one) => ["-c", one]),
    ]);
    await process.line("ready to accept connections");
    return process;
  };
  const remove = () => Deno.remove(folder, { recursive: true });
  let process: ChildProcess;
  try {
    const init = run("initdb", [
      ...["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"],
      "--no-sync",
    ]);
    const { code } = await init.status();
    if (code !== 0) throw new Error(`initdb failed:\n${init.output.join("\n")}`);
    process = await launch();
  } catch (error) {
    await remove();
    throw error;
  }
  const crash = async () => {
    process.signal("SIGQUIT");
    await process.status();
  };
  const signalAll = async (name: Deno.Signal) => {
    process.signal(name);
    for (const pid of await childrenOf(process.pid)) {
      try {
        Deno.kill(pid, name);
      } catch {
        // A connection's process that has ended meanwhile.
      }
    }
  };
  let databases = 0;
  return {
    get process() {
      return process;
    },
    async createDatabase() {
      const name = `test_${++databases}`;
      const sql = postgres(url("postgres"), { max: 1 });
      await sql.unsafe(`CREATE DATABASE ${name}`);
      await sql.end();
      return url(name);
    },
    crash,
    async restart() {
      await crash();
      process = await launch();
    },
    pause: () => signalAll("SIGSTOP"),
    goOn: () => signalAll("SIGCONT"),
    async [Symbol.asyncDispose]() {
      await crash();
      await process[Symbol.asyncDispose]();
      await until("the folder to be removed", async () => {
        await remove();
        return true;
      });
    },
  };
}

/** The processes that a process has started. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  return text.trim().split(" ").filter(Boolean).map(Number);
}

/** The folder of the newest version's programs, or null. */
async function findPrograms(): Promise<string | null> {
  const versions: number[] = [];
  try {
    for await (const { name } of Deno.readDir(DEBIAN_FOLDER)) {
      const found = await Deno.stat(`${DEBIAN_FOLDER}/${name}/bin/initdb`).catch(() => null);
      if (found?.isFile) versions.push(Number(name));
    }
  } catch {
    return null;
  }
  return versions.length === 0 ? null : `${DEBIAN_FOLDER}/${Math.max(...versions)}/bin`;
}

/** Who is to run it: ourselves (null), or the package's own user where we are root. */
async function otherUser(): Promise<{ uid: number; gid: number } | null> {
  if (Deno.uid() !== 0) return null;
  const passwd = await Deno.readTextFile("/etc/passwd");
  const fields = passwd.split("\n").find((line) => line.startsWith("postgres:"))?.split(":");
  if (fields === undefined) throw new Error("there is no user postgres to run PostgreSQL as");
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}
