import assert from "node:assert/strict";
import { until } from "../../tests/harness/wait.ts";
import { createRunFiles, PidsFile, RunFile, stopLeftovers } from "./run_file.ts";

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-run-file-" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));
const URL = "http://127.0.0.1:1/";

Deno.test("run.json appears when the system is ready, complete and for its owner only", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/run.json`, "left by a run before");
    const files = createRunFiles(folder, URL);
    files.setPid("nats", 11);
    await assert.rejects(Deno.stat(files.path), Deno.errors.NotFound);
    const addresses = { websocket: "ws://127.0.0.1:1/ws", natsUrl: "nats://n", token: "t" };
    files.setReady(addresses);
    const expected = { url: URL, ...addresses, pid: Deno.pid, pids: { nats: 11 } };
    assert.deepEqual(RunFile.parse(await readJson(files.path)), expected);
    assert.equal((await Deno.stat(files.path)).mode! & 0o777, 0o600);

    files.setPid("nats", 12);
    assert.deepEqual((await readJson(files.path)).pids, { nats: 12 });
    files.remove();
    files.setPid("nats", 13);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("run.json is replaced, never rewritten: a reader sees a whole file", async () => {
  await withFolder(async (folder) => {
    const files = createRunFiles(folder, URL);
    files.setReady({ websocket: "ws://w", natsUrl: "nats://n" });
    using open = await Deno.open(files.path);
    const { size } = await open.stat();
    files.setPid("rooms", 123_456_789);
    // The file that was opened before is another one.
    assert.equal((await open.stat()).size, size);
    assert.notEqual((await Deno.stat(files.path)).size, size);
  });
});

Deno.test("pids.json exists from the beginning, and names the run that is still there", async () => {
  await withFolder(async (folder) => {
    const files = createRunFiles(folder, URL);
    files.setPid("nats", 11);
    assert.deepEqual(PidsFile.parse(await readJson(`${folder}/pids.json`)), {
      url: URL,
      pid: Deno.pid,
      pids: { nats: 11 },
    });
    // Process 11 is no process of ours, whatever it is: it is left alone.
    assert.equal(await stopLeftovers(folder), 0);
    assert.equal(await stopLeftovers(`${folder}/nothing`), 0);
  });
});

/** Between fork and exec a child has the command line of its parent. */
async function untilItRuns(pid: number, main: string): Promise<void> {
  await until("the child to run", async () => {
    return (await Deno.readTextFile(`/proc/${pid}/cmdline`)).includes(main);
  });
}

Deno.test("the next start stops what a run left that was killed before it was ready", async () => {
  await withFolder(async (folder) => {
    // A process of ours is known by its command line.
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "setInterval(() => {}, 1_000)", "services/rooms/main.ts"],
      stdin: "null",
    }).spawn();
    createRunFiles(folder, URL).setPid("rooms", child.pid);
    await untilItRuns(child.pid, "services/rooms/main.ts");
    assert.equal(await stopLeftovers(folder), 1);
    assert.equal((await child.status).signal, "SIGTERM");
  });
});

Deno.test("a child that was started but never recorded is found by its mark", async () => {
  await withFolder(async (folder) => {
    const { mark } = createRunFiles(folder, URL);
    const command = (env: Record<string, string>) =>
      new Deno.Command(Deno.execPath(), {
        args: ["eval", "setInterval(() => {}, 1_000)", "services/auth/main.ts"],
        env,
        stdin: "null",
      }).spawn();
    const [ours, other] = [command(mark), command({ HOPWIRE_RUN: `${folder}-other` })];
    await untilItRuns(ours.pid, "services/auth/main.ts");
    assert.equal(await stopLeftovers(folder), 1);
    assert.equal((await ours.status).signal, "SIGTERM");
    other.kill("SIGKILL");
    assert.equal((await other.status).signal, "SIGKILL");
  });
});
