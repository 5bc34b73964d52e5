/**
 * `deno task restore FOLDER`: puts a backup back. The services must be stopped. There must be no archive
 * and no log yet: nothing is overwritten. NATS is that of NATS_URL; without it, the command runs the
 * nats-server that `start` would run, as long as it takes.
 *
 * @module
 */
import { roomsStream } from "../../contract/mod.ts";
import { findNatsServer, prepareNats } from "../nats_server.ts";
import { natsAccounts, natsUsers } from "../nats_users.ts";
import { freePort } from "../ports.ts";
import type { Bus } from "../../kit/mod.ts";
import { type ArchivePlace, archivePlace, countOf, filesOf, runProgram } from "./backup.ts";
import { connectOperator, connectTo, keysFolder, runCommand } from "./operator_bus.ts";
import { restoreSnapshot, SnapshotHead } from "./stream_snapshot.ts";

/**
 * Restores the archive and the log from a folder that `deno task backup` wrote.
 *
 * @throws {Error} if there is an archive or a log already
 */
export async function restore(bus: Bus, folder: string, place: ArchivePlace): Promise<void> {
  const first = await readHead(folder, 0);
  if (place.databaseUrl !== undefined) {
    const options = ["--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction"];
    await runProgram("psql", [...options, `--file=${folder}/archive.sql`, place.databaseUrl]);
  } else {
    await copyNew(`${folder}/archive.db`, place.sqlitePath);
  }
  for (let index = 0; index < countOf(first); index++) {
    const head = await readHead(folder, index);
    const file = await Deno.open(filesOf(folder, index).snapshot);
    await restoreSnapshot(bus.nats, roomsStream(index), unplaced(head), file.readable);
  }
}

async function readHead(folder: string, index: number): Promise<SnapshotHead> {
  return SnapshotHead.parse(JSON.parse(await Deno.readTextFile(filesOf(folder, index).head)));
}

/**
 * Without the replicas and the placement that the stream had: these servers may be fewer, or others.
 * Persistence gives it what STREAM_REPLICAS and STREAM_PLACEMENT_TAGS say.
 */
function unplaced(head: SnapshotHead): SnapshotHead {
  const { placement: _, ...config } = head.config as { placement?: unknown };
  return { ...head, config: { ...config, num_replicas: 1 } };
}

/** Copies a file to where there is none, nor anything that SQLite would take for a part of it. */
async function copyNew(from: string, to: string): Promise<void> {
  for (const path of [to, `${to}-wal`, `${to}-shm`]) {
    const exists = await Deno.stat(path).then(() => true, () => false);
    if (exists) throw new Error(`${path} exists: move it away first`);
  }
  await Deno.copyFile(from, to);
  await Deno.chmod(to, 0o600);
}

/** Connects to NATS_URL, or to the server of `start` on the data folder, which ends with `stop`. */
async function openNats(): Promise<{ connect: () => Promise<Bus>; stop: () => Promise<void> }> {
  const url = Deno.env.get("NATS_URL");
  if (url) return { connect: connectOperator, stop: () => Promise.resolve() };
  const dataDir = Deno.env.get("DATA_DIR") ?? ".data";
  await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
  const port = freePort();
  const accounts = await natsAccounts(keysFolder(), natsUsers([]));
  const binary = await findNatsServer();
  const server = new Deno.Command(binary, {
    args: ["-c", await prepareNats(binary, dataDir, port, accounts)],
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    connect: () => connectTo(`nats://127.0.0.1:${port}`),
    async stop() {
      server.kill("SIGTERM");
      await server.status;
    },
  };
}

if (import.meta.main) {
  const nats = await openNats();
  await runCommand(async (bus) => {
    const [folder, ...rest] = Deno.args;
    if (folder === undefined || rest.length > 0) throw new Error("usage: deno task restore FOLDER");
    await restore(bus, folder, archivePlace()).finally(nats.stop);
    // deno-lint-ignore no-console
    console.log(`restored ${folder}: start the services now`);
    return 0;
  }, nats.connect);
}
