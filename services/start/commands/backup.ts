/**
 * `deno task backup FOLDER`: copies the archive and the log of the running system into a new folder.
 * First the archive and then the log, so that the log's copy has everything that the archive's lacks.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { ROOMS_STREAM } from "../../contract/mod.ts";
import type { Bus } from "../../kit/mod.ts";
import { runCommand } from "./operator_bus.ts";
import { takeSnapshot } from "./stream_snapshot.ts";

/**
 * Tells persistence that an archive comes from a backup: the log then continues under a new epoch,
 * because clients may have seen messages that the backup lacks.
 */
const MARK = "INSERT INTO hopwire_setting (key, value) VALUES ('restored', 'yes') " +
  "ON CONFLICT (key) DO UPDATE SET value = excluded.value;";

/** Where the archive is: a PostgreSQL database or a SQLite file. */
export interface ArchivePlace {
  databaseUrl: string | undefined;
  sqlitePath: string;
}

/** Reads where the archive is, as the start command and persistence do. */
export function archivePlace(): ArchivePlace {
  const dataDir = Deno.env.get("DATA_DIR") ?? ".data";
  return {
    databaseUrl: Deno.env.get("DATABASE_URL"),
    sqlitePath: Deno.env.get("SQLITE_PATH") ?? `${dataDir}/archive.db`,
  };
}

/** Runs a program. Throws with what it printed if it fails. */
export async function runProgram(program: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null" }).output()
    .catch((error) => {
      throw new Error(`cannot run ${program}: ${(error as Error).message}`);
    });
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr).trim()}`);
}

/**
 * Backs up the archive and the log. Returns the seq of the last message in the copy of the log.
 *
 * @throws {Error} if the folder exists, or either cannot be copied
 */
export async function backUp(bus: Bus, folder: string, place: ArchivePlace): Promise<number> {
  await Deno.mkdir(folder, { mode: 0o700 });
  if (place.databaseUrl !== undefined) {
    const file = `${folder}/archive.sql`;
    const tables = ["--no-owner", "--no-privileges", "--table=hopwire_*", `--file=${file}`];
    await runProgram("pg_dump", [...tables, place.databaseUrl]);
    // The dump has cleared the search path.
    await Deno.writeTextFile(file, `RESET search_path;\n${MARK}\n`, { append: true });
  } else {
    // Opening would create it.
    await Deno.stat(place.sqlitePath);
    const database = new DatabaseSync(place.sqlitePath);
    database.prepare("VACUUM INTO ?").run(`${folder}/archive.db`);
    database.close();
    const copy = new DatabaseSync(`${folder}/archive.db`);
    copy.exec(MARK);
    copy.close();
  }
  const position = await positionOf(folder, place);
  const file = await Deno.create(`${folder}/stream.snapshot`);
  const writer = file.writable.getWriter();
  const head = await takeSnapshot(bus.nats, ROOMS_STREAM, (chunk) => writer.write(chunk));
  await writer.close();
  const first = Number(head.state.first_seq ?? 0);
  if (first > position + 1) {
    throw new Error(
      `the log begins at ${first} and the archive's copy ends at ${position}: messages left the log ` +
        "while the archive was copied. Try again when there is less traffic, or raise STREAM_MAX_BYTES",
    );
  }
  await Deno.writeTextFile(`${folder}/stream.json`, JSON.stringify(head));
  return head.state.last_seq;
}

/** The seq up to which the archive held the log before it was copied, or in its copy. */
async function positionOf(folder: string, place: ArchivePlace): Promise<number> {
  const newest = "SELECT position FROM hopwire_generation ORDER BY ordinal DESC LIMIT 1";
  if (place.databaseUrl === undefined) {
    const copy = new DatabaseSync(`${folder}/archive.db`);
    const row = copy.prepare(newest).get() as { position: number } | undefined;
    copy.close();
    return row?.position ?? 0;
  }
  const dump = await Deno.readTextFile(`${folder}/archive.sql`);
  // The rows of `COPY public.hopwire_generation (ordinal, epoch, first_seq, position, ...)`.
  const rows = /COPY \S*hopwire_generation \(([^)]*)\) FROM stdin;\n([\s\S]*?)\\\.\n/.exec(dump);
  const column = rows?.[1]?.split(", ").indexOf("position") ?? -1;
  const positions = rows?.[2]?.split("\n").filter(Boolean).map((line) =>
    Number(line.split("\t")[column])
  );
  return Math.max(0, ...positions ?? []);
}

if (import.meta.main) {
  await runCommand(async (bus) => {
    const [folder, ...rest] = Deno.args;
    if (folder === undefined || rest.length > 0) throw new Error("usage: deno task backup FOLDER");
    const last = await backUp(bus, folder, archivePlace());
    // deno-lint-ignore no-console
    console.log(`${folder} has the archive, and the log up to message ${last}`);
    return 0;
  });
}
