/** The start command: one command runs everything, and stops everything. */
import assert from "node:assert/strict";
import { ownServices } from "../../services/start/own/own_services.ts";
import { PidsFile } from "../../services/start/run_file.ts";
import { probe } from "../../services/start/probe.ts";
import { codeBlock, commandLines, startVariables } from "../harness/code_blocks.ts";
import { connectClient, type TestClient } from "../harness/client.ts";
import { freePort } from "../harness/ports.ts";
import { alive, launch, ownLines, readRunFile, startAll, TIME } from "../harness/start.ts";
import { until } from "../harness/wait.ts";

/** The commands of services/README.md: the whole system, help, and several gateways. */
const [WHOLE, HELP, GATEWAYS] = commandLines(
  await codeBlock("services/README.md", "## Run it with the start command", "sh"),
);

Deno.test("the start command runs the whole system, and Ctrl-C leaves no process behind", async () => {
  await using system = await startAll(startVariables(WHOLE!));
  const { process, file, folder, env } = system;
  const own = (await ownServices()).map(({ name }) => name);
  const services = ["api", "auth", "gateway", "monitor", "nats", "persistence", "rooms", ...own];
  assert.deepEqual(Object.keys(file.pids).sort(), services.sort());
  for (const shown of [file.url, file.websocket, file.token!, file.api!, file.apiKey!]) {
    assert.ok(process.output.some((line) => line.includes(shown)), shown);
  }
  assert.equal((await Deno.stat(`${folder}/run.json`)).mode! & 0o777, 0o600);

  // The token of the banner works.
  const client = await connectClient(file.websocket);
  client.send({ type: "auth", token: file.token! });
  client.send({ type: "subscribe", channel: "lobby" });
  client.send({ type: "message", room: "lobby", content: "hi", id: "1" });
  await client.take("ack");

  // So does its API key, which may do everything and is kept.
  assert.equal((await Deno.readTextFile(`${folder}/api-key`)).trim(), file.apiKey);
  const stats = async () => {
    const headers = { authorization: `Bearer ${file.apiKey}` };
    const response = await fetch(`${file.api}v1/stats`, { method: "POST", headers, body: "{}" });
    return await response.json();
  };
  assert.deepEqual([(await stats()).connections, (await stats()).complete], [1, true]);

  // A second start fails with one line, on the same folder and on the same ports.
  const again = launch(env);
  assert.equal((await again.status()).code, 1);
  assert.match(
    ownLines(again).join("\n"),
    /^ERROR Hopwire already runs with DATA_DIR=.* \(pid \d+, .*\); stop it, or set DATA_DIR$/,
  );
  const elsewhere = await Deno.makeTempDir();
  const second = launch({ ...env, DATA_DIR: elsewhere });
  assert.equal((await second.status()).code, 1);
  assert.match(ownLines(second).join("\n"), /^ERROR port \d+ is in use: .*set PORT$/);
  await Deno.remove(elsewhere, { recursive: true });
  assert.deepEqual(await readRunFile(folder), file, "a start that fails leaves run.json alone");

  // A service that dies is restarted, with a warning.
  Deno.kill(file.pids.rooms!, "SIGKILL");
  await process.line(/^hopwire .* WARN {2}rooms was killed by SIGKILL, restarting it in 200 ms$/);
  const renewed = await until("a new rooms process", async () => {
    const now = await readRunFile(folder);
    return now.pids.rooms !== file.pids.rooms && now;
  });
  assert.equal(renewed.token, file.token);
  await until("rooms to answer again", async () => {
    client.send({ type: "presence", room: "lobby", id: "p" });
    return (await client.answer("p")).type === "presence";
  });
  client.close();

  const before = process.output.length;
  Deno.kill(file.pid, "SIGINT");
  assert.equal((await process.status(30_000)).code, 0);
  for (const [name, pid] of Object.entries(renewed.pids)) {
    assert.equal(alive(pid), false, `${name} still runs`);
  }
  for (const name of ["run.json", "pids.json"]) {
    await assert.rejects(Deno.stat(`${folder}/${name}`), Deno.errors.NotFound);
  }
  for (const line of process.output.slice(before)) {
    assert.match(line, new RegExp(`^[a-z]+ +\\| ${TIME.source} INFO `), "a clean stop alarms");
  }
  assert.ok(!process.output.some((line) => line.includes("[INF]")), "nats-server's log is shown");

  // What was stored is there again after the next start.
  await using next = await startAll({ ...env });
  const back = await connectClient(next.file.websocket);
  back.send({ type: "auth", token: file.token! });
  back.send({ type: "subscribe", channel: "lobby" });
  await back.take("subscribed");
  back.close();
});

Deno.test("the next start stops what a killed one left, ready or not", async () => {
  await using system = await startAll();
  const { folder, env, file, process } = system;
  Deno.kill(file.pid, "SIGKILL");
  await process.status();

  // This one is killed as soon as NATS runs, long before the system is ready.
  const second = launch(env);
  await second.line(/WARN {2}stopped \d processes of a run that was killed/);
  const pidsFile = async () =>
    PidsFile.parse(JSON.parse(await Deno.readTextFile(`${folder}/pids.json`)));
  const { pid } = await until("nats to run", async () => {
    const now = await pidsFile();
    return now.pids.nats !== undefined && now.pids.nats !== file.pids.nats && now;
  });
  Deno.kill(pid, "SIGKILL");
  await second.status();
  const { pids } = await pidsFile();
  await assert.rejects(Deno.stat(`${folder}/run.json`), Deno.errors.NotFound);

  await using _third = await startAll(env);
  for (const [name, pid] of Object.entries(pids)) {
    assert.equal(alive(pid), false, `${name} of the second run still runs`);
  }
});

Deno.test("a configuration error is one line, printed once and without secrets", async () => {
  const secret = "hunter2";
  const cases: [Record<string, string>, RegExp][] = [
    [{ PORT: "eighty" }, /PORT: expected a whole number from 1 to 65535 \(got "eighty"\)/],
    [{ NATS_SERVER: "/nowhere/nats-server" }, /NATS_SERVER: there is no file \/nowhere/],
    [{ NATS_URL: `http://ann:${secret}@x` }, /NATS_URL: expected nats:\/\/host:port/],
    [{ AUTH_SECRET: secret }, /AUTH_SECRET: expected at least 32 bytes/],
    [{ AUTH_JWKS_URL: "https://x/", AUTH_ALGORITHMS: "HS256" }, /AUTH_ALGORITHMS: AUTH_JWKS_URL/],
    [{ AUTH_SECERT: secret }, /AUTH_SECERT: unknown variable; did you mean AUTH_SECRET\?/],
    [{ MAX_CONECTIONS: "9" }, /MAX_CONECTIONS: unknown variable; did you mean MAX_CONNECTIONS\?/],
    [{ RATE_BURST: "lots" }, /RATE_BURST: expected a whole number/],
    [{ ALLOWED_ORIGINS: "localhost:5173" }, /ALLOWED_ORIGINS: .*"localhost:5173" has no scheme/],
    [{ NAMESPACES_FILE: "/nowhere.json" }, /NAMESPACES_FILE: \/nowhere\.json: /],
  ];
  for (const [wrong, expected] of cases) {
    const folder = await Deno.makeTempDir({ prefix: "hopwire-start-" });
    const env = {
      DATA_DIR: folder,
      PORT: String(freePort()),
      AUTH_PORT: String(freePort()),
      MONITOR_PORT: String(freePort()),
      API_PORT: String(freePort()),
      ...wrong,
    };
    const process = launch(env);
    assert.equal((await process.status(60_000)).code, 1);
    const errors = process.output.filter((line) => / ERROR /.test(line));
    assert.equal(errors.length, 1, process.output.join("\n"));
    assert.match(errors[0]!, expected);
    assert.ok(!process.output.join("\n").includes(secret), process.output.join("\n"));
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("--help prints help and starts nothing; an unknown argument is named", async () => {
  const documented = HELP!.replace(`${WHOLE} `, "");
  for (const argument of [documented, "-h"]) {
    const help = launch({}, argument);
    assert.equal((await help.status()).code, 0);
    const text = help.output.join("\n");
    for (const part of ["Usage: deno task start", "PORT=8080", "MAX_CONNECTIONS=15000"]) {
      assert.ok(text.includes(part), `${part} is not in\n${text}`);
    }
    assert.ok(!help.output.some((line) => line.startsWith("hopwire")), text);
  }
  const unknown = launch({}, "--prot", "9000");
  assert.equal((await unknown.status()).code, 64);
  assert.ok(
    unknown.output.includes('unknown argument --prot; see "deno task start --help"'),
    unknown.output.join("\n"),
  );
});

Deno.test("GATEWAYS=2 runs two gateways on one port, and both are one system", async () => {
  assert.deepEqual(startVariables(GATEWAYS!), { GATEWAYS: "4" });
  await using system = await startAll({ GATEWAYS: "2" });
  const { pids, websocket, token } = system.file;
  assert.ok(pids.gateway !== undefined && pids["gateway-2"] !== undefined);
  const healthPorts = system.process.output.flatMap((line) =>
    /answering health checks .*port=(\d+)/.exec(line)?.[1] ?? []
  );
  assert.equal(new Set(healthPorts).size, 2, system.process.output.join("\n"));
  for (const port of healthPorts) assert.ok((await probe(`http://127.0.0.1:${port}/readyz`)).ok);
  const byGateway = new Map<string, TestClient>();
  // Linux spreads connections by their addresses, so each gateway gets one soon.
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
