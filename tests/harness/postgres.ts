/**
 * A private PostgreSQL for tests, on a free port with its own folder. It does not sync its data to
 * disk: the data must survive the server's process, not the machine.
 *
 * @module
 */
import pg from "pg";
import { aptInstall } from "../../services/start/apt.ts";
import { freePort } from "./ports.ts";
import { type ChildProcess, startProcess } from "./process.ts";
import { until } from "./wait.ts";

/** Where Debian installs the programs, one folder per version. */
const DEBIAN_FOLDER = "/usr/lib/postgresql";

/** A PostgreSQL under test. */
export interface PostgresServer extends AsyncDisposable {
  /** Creates an empty database and returns its URL. */
  createDatabase(): Promise<string>;
  /** Replaces a database, named by its URL, by an empty one. */
  emptyDatabase(url: string): Promise<void>;
  /** The current process. */
  readonly process: ChildProcess;
  /**
   * Stops the server immediately, like a crash: without closing connections or writing a
   * checkpoint.
   */
  crash(): Promise<void>;
  /** Crashes the server and starts it again on the same port with the same data. */
  restart(): Promise<void>;
  /** Suspends the server and all its connections. */
  pause(): Promise<void>;
  /** Resumes the server after {@link PostgresServer.pause}. */
  resume(): Promise<void>;
}

/**
 * Returns why PostgreSQL is unavailable, or null if it is available. May install Debian's package.
 */
export async function postgresMissing(): Promise<string | null> {
  if (Deno.build.os !== "linux") return "the tests only find PostgreSQL on Linux";
  if (await findPrograms() !== null) return null;
  const output: string[] = [];
  await aptInstall(["postgresql"], (line) => output.push(line));
  if (await findPrograms() !== null) return null;
  return output.at(-1) ??
    `PostgreSQL is not installed in ${DEBIAN_FOLDER}, and only root can install it`;
}

/**
 * Starts a PostgreSQL.
 *
 * @throws {Error} if {@link postgresMissing} returns a reason, or the server does not start
 */
export async function startPostgres(): Promise<PostgresServer> {
  const programs = await findPrograms();
  if (programs === null) throw new Error("PostgreSQL is not installed");
  const folder = await Deno.makeTempDir({ prefix: "hopwire-postgres-" });
  const port = freePort();
  const url = (database: string) => `postgres://postgres@127.0.0.1:${port}/${database}`;
  const user = await unprivilegedUser();
  if (user !== null) await Deno.chown(folder, user.uid, user.gid);
  // Both programs refuse to run as root.
  const run = (program: string, args: string[]) =>
    user === null
      ? startProcess(`${programs}/${program}`, args, { cwd: folder })
      : startProcess("/usr/bin/setpriv", [
        `--reuid=${user.uid}`,
        `--regid=${user.gid}`,
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
        // The process of a connection has ended meanwhile.
      }
    }
  };
  const administer = async (...statements: string[]) => {
    const client = new pg.Client(url("postgres"));
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  };
  let databases = 0;
  return {
    get process() {
      return process;
    },
    async createDatabase() {
      const name = `test_${++databases}`;
      await administer(`CREATE DATABASE ${name}`);
      return url(name);
    },
    async emptyDatabase(of) {
      const name = of.slice(url("").length);
      await administer(`DROP DATABASE ${name} WITH (FORCE)`, `CREATE DATABASE ${name}`);
    },
    crash,
    async restart() {
      await crash();
      process = await launch();
    },
    pause: () => signalAll("SIGSTOP"),
    resume: () => signalAll("SIGCONT"),
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

/** Returns the child processes of a process. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  return text.trim().split(" ").filter(Boolean).map(Number);
}

/** Returns the folder with the newest version's programs, or null. */
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

/**
 * Returns the user to run PostgreSQL as: null for the current user, or the package's user if the
 * current one is root.
 */
async function unprivilegedUser(): Promise<{ uid: number; gid: number } | null> {
  if (Deno.uid() !== 0) return null;
  const passwd = await Deno.readTextFile("/etc/passwd");
  const fields = passwd.split("\n").find((line) => line.startsWith("postgres:"))?.split(":");
  if (fields === undefined) {
    throw new Error("the user postgres, which should run PostgreSQL, does not exist");
  }
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}
