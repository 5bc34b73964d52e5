/** The start command: one command runs everything, and ends everything. */
import assert from "node:assert/strict";
import { RunFile } from "../../services/start/run_file.ts";
import { connectClient, type TestClient } from "../harness/client.ts";
import { type ChildProcess, freePort, startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { until } from "../harness/wait.ts";

interface Started extends AsyncDisposable {
  process: ChildProcess;
  file: RunFile;
  folder: string;
  env: Record<string, string>;
}

function launch(env: Record<string, string>): ChildProcess {
  return startProcess(Deno.execPath(), ["task", "start"], { env, cwd: ROOT });
}

async function startAll(more: Record<string, string> = {}): Promise<Started> {
  const folder = more.DATA_DIR ?? await Deno.makeTempDir({ prefix: "hopwire-start-" });
  const env = {
    DATA_DIR: folder,
    PORT: String(freePort()),
    AUTH_PORT: String(freePort()),
    ...more,
  };
  const process = launch(env);
  const file = await until("run.json with a token", async () => {
    if (process.ended !== undefined) throw new Error(process.output.join("\n"));
    const parsed = RunFile.parse(JSON.parse(await Deno.readTextFile(`${folder}/run.json`)));
    return process.output.some((line) => line.includes("| ready")) && parsed;
  }, 60_000);
  return {
    process,
    file,
    folder,
    env,
    async [Symbol.asyncDispose]() {
      if (alive(file.pid)) Deno.kill(file.pid, "SIGTERM");
      await process.status(30_000);
      for (const pid of Object.values(file.pids)) if (alive(pid)) Deno.kill(pid, "SIGKILL");
      // A later start on the same folder may have removed it already.
      await Deno.remove(folder, { recursive: true }).catch(() => {});
    },
  };
}

function alive(pid: number): boolean {
  try {
    // A zombie is dead: its parent just has not looked yet.
    return !/\) Z /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

Deno.test("the start command runs the whole system, and Ctrl-C leaves no process behind", async () => {
  await using system = await startAll();
  const { process, file, folder, env } = system;
  assert.deepEqual(Object.keys(file.pids).sort(), [
    "auth",
    "gateway",
    "nats",
    "persistence",
    "rooms",
  ]);
  for (const shown of [file.url, file.websocket, file.token!]) {
    assert.ok(process.output.some((line) => line.includes(shown)), shown);
  }

  // The token of the banner works.
  const client = await connectClient(file.websocket);
  client.send({ type: "auth", token: file.token! });
  client.send({ type: "subscribe", channel: "lobby" });
  client.send({ type: "message", room: "lobby", content: "hi", id: "1" });
  await client.take("ack");

  // Starting twice says so in one line, whichever way it is tried.
  const again = launch(env);
  assert.equal((await again.status()).code, 1);
  const own = (lines: readonly string[]) => lines.filter((line) => line.startsWith("hopwire"));
  assert.match(
    own(again.output).join("\n"),
    /^hopwire +\| Hopwire runs here already \(pid \d+, .*\)$/,
  );
  const elsewhere = await Deno.makeTempDir();
  const second = launch({ ...env, DATA_DIR: elsewhere });
  assert.equal((await second.status()).code, 1);
  assert.match(own(second.output).join("\n"), /^hopwire +\| port \d+ is taken: .*set PORT$/);
  await Deno.remove(elsewhere, { recursive: true });

  // A service that dies is started again.
  Deno.kill(file.pids.rooms!, "SIGKILL");
  const renewed = await until("a new rooms process", async () => {
    const now = RunFile.parse(JSON.parse(await Deno.readTextFile(`${folder}/run.json`)));
    return now.pids.rooms !== file.pids.rooms && now;
  });
  await until("rooms to answer again", async () => {
    client.send({ type: "presence", room: "lobby", id: "p" });
    return (await client.answer("p")).type === "presence";
  });
  client.close();

  Deno.kill(file.pid, "SIGINT");
  assert.equal((await process.status(30_000)).code, 0);
  for (const [name, pid] of Object.entries(renewed.pids)) {
    assert.equal(alive(pid), false, `${name} still runs`);
  }

  // What was stored is there again after the next start; what a killed one leaves is ended.
  await using next = await startAll({ ...env });
  const back = await connectClient(next.file.websocket);
  back.send({ type: "auth", token: file.token! });
  back.send({ type: "subscribe", channel: "lobby" });
  await back.take("subscribed");
  Deno.kill(next.file.pid, "SIGKILL");
  await next.process.status();
  const third = launch({ ...next.env });
  await third.line(/ended \d processes of a run that was killed/);
  await third.line("| ready", 60_000);
  third.signal("SIGTERM");
  const pid = RunFile.parse(JSON.parse(await Deno.readTextFile(`${next.folder}/run.json`))).pid;
  if (alive(pid)) Deno.kill(pid, "SIGTERM");
  await third.status(30_000);
});

Deno.test("what is wrong or missing is said in one line", async () => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ PORT: "eighty" }, /PORT: expected a whole number from 1 to 65535 \(got "eighty"\)/],
    [{ NATS_SERVER: "/nowhere/nats-server" }, /NATS_SERVER: there is no file \/nowhere/],
    [{ NATS_URL: "http://x" }, /NATS_URL: expected nats:\/\/host:port/],
    [{ AUTH_SECRET: "short" }, /AUTH_SECRET: expected at least 32 bytes/],
    [{ RATE_BURST: "lots" }, /RATE_BURST: expected a whole number/],
  ];
  for (const [wrong, expected] of cases) {
    const folder = await Deno.makeTempDir({ prefix: "hopwire-start-" });
    const env = {
      DATA_DIR: folder,
      PORT: String(freePort()),
      AUTH_PORT: String(freePort()),
      ...wrong,
    };
    const process = launch(env);
    assert.equal((await process.status(60_000)).code, 1);
    assert.match(process.output.filter((line) => line.startsWith("hopwire")).at(-1)!, expected);
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("GATEWAYS=2 runs two gateways on one port, and both are one system", async () => {
  await using system = await startAll({ GATEWAYS: "2" });
  const { pids, websocket, token } = system.file;
  assert.ok(pids.gateway !== undefined && pids["gateway-2"] !== undefined);
  const byGateway = new Map<string, TestClient>();
  // Linux spreads connections by their addresses: soon each has got one.
  await until("a client on each", async () => {
    const client = await connectClient(websocket);
    client.send({ type: "auth", token: token! });
    const [gateway] = (await client.take("authenticated")).connectionId.split("-") as [string];
    if (byGateway.has(gateway)) client.close();
    else byGateway.set(gateway, client);
    return byGateway.size === 2;
  });
  const [one, other] = [...byGateway.values()] as [TestClient, TestClient];
  for (const client of [one, other]) {
    client.send({ type: "subscribe", room: "lobby" });
    await client.take("subscribed");
  }
  one.send({ type: "message", room: "lobby", content: "from the other process", id: "1" });
  assert.equal((await other.take("room-message")).content, "from the other process");
  for (const client of [one, other]) client.close();
});
