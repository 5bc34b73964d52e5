/**
 * `deno task backup FOLDER`: copies the archive and the log of the running system into a new folder.
 * First the archive and then the log, so that the log's copy has everything that the archive's lacks.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { ROOMS_STREAM, roomsStream, streamCountOf } from "../../contract/mod.ts";
import type { Bus } from "../../kit/mod.ts";
import { runCommand } from "./operator_bus.ts";
import { type SnapshotHead, takeSnapshot } from "./stream_snapshot.ts";

/**
 * Tells persistence that an archive comes from a backup: each stream of the log then continues under a new
 * epoch, because clients may have seen messages that the backup lacks. The setting of a stream but the first
 * begins with its name.
 */
const MARK = `INSERT INTO hopwire_setting (key, value)
  SELECT CASE WHEN stream = '${ROOMS_STREAM}' THEN 'restored' ELSE stream || ' restored' END, 'yes'
  FROM (SELECT stream FROM hopwire_generation UNION SELECT '${ROOMS_STREAM}') streams WHERE true
  ON CONFLICT (key) DO UPDATE SET value = excluded.value;`;

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
 * Backs up the archive and the log. Returns the seq of the last message in the copy of each stream.
 *
 * @throws {Error} if the folder exists, or either cannot be copied
 */
export async function backUp(bus: Bus, folder: string, place: ArchivePlace): Promise<number[]> {
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
  const positions = await positionsOf(folder, place);
  const first = await copyStream(bus, folder, 0, positions);
  const last = [first.state.last_seq];
  for (let index = 1; index < countOf(first); index++) {
    last.push((await copyStream(bus, folder, index, positions)).state.last_seq);
  }
  return last;
}

/** The files of a stream in a backup. */
export function filesOf(folder: string, index: number): { head: string; snapshot: string } {
  const name = `${folder}/stream${index === 0 ? "" : `_${index}`}`;
  return { head: `${name}.json`, snapshot: `${name}.snapshot` };
}

/** How many streams the log has, by the snapshot of one of them. */
export function countOf({ config }: SnapshotHead): number {
  return streamCountOf((config as { subjects?: string[] }).subjects ?? []);
}

async function copyStream(
  bus: Bus,
  folder: string,
  index: number,
  positions: ReadonlyMap<string, number>,
): Promise<SnapshotHead> {
  const files = filesOf(folder, index);
  const stream = roomsStream(index);
  const file = await Deno.create(files.snapshot);
  const writer = file.writable.getWriter();
  const head = await takeSnapshot(bus.nats, stream, (chunk) => writer.write(chunk));
  await writer.close();
  const first = Number(head.state.first_seq ?? 0);
  const position = positions.get(stream) ?? 0;
  if (first > position + 1) {
    throw new Error(
      `the log begins at ${first} and the archive's copy ends at ${position}: messages left the log ` +
        "while the archive was copied. Try again when there is less traffic, or raise STREAM_MAX_BYTES",
    );
  }
  await Deno.writeTextFile(files.head, JSON.stringify(head));
  return head;
}

/** The seq up to which the archive's copy holds each stream of the log. */
async function positionsOf(folder: string, place: ArchivePlace): Promise<Map<string, number>> {
  type Row = { ordinal: number; stream: string; position: number };
  const rows: Row[] = [];
  if (place.databaseUrl === undefined) {
    const copy = new DatabaseSync(`${folder}/archive.db`);
    const found = copy.prepare("SELECT ordinal, stream, position FROM hopwire_generation").all();
    copy.close();
    rows.push(...found as Row[]);
  } else {
    const dump = await Deno.readTextFile(`${folder}/archive.sql`);
    // The rows of `COPY public.hopwire_generation (ordinal, epoch, first_seq, position, ...)`.
    const table = /COPY \S*hopwire_generation \(([^)]*)\) FROM stdin;\n([\s\S]*?)\\\.\n/.exec(dump);
    // It quotes names that are words of SQL.
    const columns = table?.[1]?.replaceAll('"', "").split(", ") ?? [];
    for (const line of table?.[2]?.split("\n").filter(Boolean) ?? []) {
      const cell = (column: string) => line.split("\t")[columns.indexOf(column)]!;
      const [ordinal, position] = [Number(cell("ordinal")), Number(cell("position"))];
      rows.push({ ordinal, stream: cell("stream"), position });
    }
  }
  rows.sort((a, b) => a.ordinal - b.ordinal);
  return new Map(rows.map(({ stream, position }) => [stream, position]));
}

if (import.meta.main) {
  await runCommand(async (bus) => {
    const [folder, ...rest] = Deno.args;
    if (folder === undefined || rest.length > 0) throw new Error("usage: deno task backup FOLDER");
    const last = await backUp(bus, folder, archivePlace());
    // deno-lint-ignore no-console
    console.log(`${folder} has the archive, and the log up to message ${last.join(", ")}`);
    return 0;
  });
}
