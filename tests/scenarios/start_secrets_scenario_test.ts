/** The start command keeps its secrets: keys of NATS, files, and what it prints. */
import { connect, type ConnectionOptions, nkeyAuthenticator } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { BUS_USERS, RoomsPresence } from "../../services/contract/mod.ts";
import { connectClient } from "../harness/client.ts";
import { codeBlock, codeBlocks, startVariables } from "../harness/code_blocks.ts";
import { startNats } from "../harness/nats.ts";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { launch, ownLines, startAll, type Started } from "../harness/start.ts";

/** Every secret that a run generated. */
async function secretsOf(folder: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { name } of Deno.readDir(`${folder}/nats-users`)) {
    keys.push(await Deno.readTextFile(`${folder}/nats-users/${name}`));
  }
  return [...keys, (await Deno.readTextFile(`${folder}/dev-secret`)).trim()];
}

/** The files and folders below a folder that others may read. */
async function readableByOthers(folder: string): Promise<string[]> {
  const found = ((await Deno.stat(folder)).mode! & 0o077) === 0 ? [] : [folder];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await readableByOthers(path));
    // nats-server and SQLite remove files of their own at any time.
    else if (((await Deno.stat(path).catch(() => null))?.mode ?? 0) & 0o077) found.push(path);
  }
  return found;
}

/** Runs the program of services/kit/README.md for any client of NATS, with the command below it. */
async function runWithEnvFile({ file, folder }: Started): Promise<void> {
  const program = await codeBlock("services/kit/README.md", "## With any NATS client", "ts ignore");
  const command = await codeBlock("services/kit/README.md", "## With any NATS client", "sh");
  await Deno.writeTextFile(
    `${folder}/dice.ts`,
    program.replace('from "./services/', `from "file://${ROOT}services/`),
    { mode: 0o600 },
  );
  const own = command.trim().replace(
    "npx -y deno run",
    `'${Deno.execPath()}' run -c ${ROOT}deno.json`,
  )
    .replace(".data/", `${folder}/`).replace(" dice.ts", ` ${folder}/dice.ts`);
  const client = await connectClient(file.websocket);
  client.send({ type: "auth", token: file.token! });
  client.send({ type: "subscribe", room: "chat.lobby" });
  await client.take("subscribed");
  await using service = startProcess("sh", ["-c", `exec ${own}`]);
  await service.line("Who wants to roll?", 60_000);
  assert.equal((await client.take("room-message")).username, "Dicebot");
  client.close();
}

Deno.test("NATS takes nobody without a key, and no secret is shown or readable", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-start-" });
  // As an earlier release left them.
  await Deno.chmod(folder, 0o755);
  await Deno.writeTextFile(
    `${folder}/dev-secret`,
    "a secret that is kept, thirty-two bytes and more",
  );
  await Deno.writeTextFile(`${folder}/archive.db`, "", { mode: 0o644 });
  await using system = await startAll({
    DATA_DIR: folder,
    ...startVariables(
      (await codeBlock("services/kit/README.md", "## A user for your service", "sh")).trim(),
    ),
    // Of some other program, for another server.
    NATS_USER: "somebody",
    NATS_PASSWORD: "hunter2",
  });
  const { file, process } = system;
  const servers = file.natsUrl.replace("nats://", "");
  await assertRefused({ servers });
  await assertRefused({ servers, user: "gateway", pass: "gateway" });
  const env = parseEnv(await Deno.readTextFile(`${folder}/services/dice.env`));
  assert.equal(env.NATS_URL, file.natsUrl);
  const nats = await connect({
    servers,
    authenticator: nkeyAuthenticator(await Deno.readFile(env.NATS_NKEY_FILE!)),
    inboxPrefix: env.NATS_INBOX_PREFIX,
  });
  await nats.request(RoomsPresence.subject, '{"room":"lobby","limit":1}');
  await nats.close();
  await runWithEnvFile(system);

  assert.deepEqual(await readableByOthers(folder), []);
  const shown = [...process.output];
  for (const pid of [file.pid, ...Object.values(file.pids)]) {
    shown.push((await Deno.readTextFile(`/proc/${pid}/cmdline`)).replaceAll("\0", " "));
  }
  shown.push(await Deno.readTextFile(`${folder}/run.json`));
  const secrets = [...await secretsOf(folder), "hunter2"];
  // Those of Hopwire's users and of dice, the secret of tokens, and the password.
  assert.equal(secrets.length, BUS_USERS.length + 3);
  for (const secret of secrets) assert.ok(!shown.join("\n").includes(secret), "a secret is shown");
});

Deno.test("a NATS server of one's own, with the users of `deno task nats-users`", async () => {
  const keys = await Deno.makeTempDir({ prefix: "hopwire-keys-" });
  // The two commands of services/README.md.
  const [users, start] = await codeBlocks("services/README.md", "## NATS", "sh", 3);
  const [, services] = /^deno task nats-users keys ([^#\n]*)#.*\n$/.exec(users!)!;
  const args = ["task", "nats-users", keys, ...services!.trim().split(" ")];
  const task = startProcess(Deno.execPath(), args, { cwd: ROOT });
  assert.equal((await task.status()).code, 0, task.output.join("\n"));
  const [, keyFile] = /^NATS_URL=\S+ NATS_NKEY_FILE='(\S+)' deno task start\n$/.exec(start!)!;
  await using nats = await startNats({ config: await Deno.readTextFile(`${keys}/users.conf`) });
  // A password in the URL that the server does not ask for.
  const NATS_URL = nats.url.replace("nats://", "nats://somebody:hunter2@");
  await using system = await startAll({
    NATS_URL,
    NATS_NKEY_FILE: keyFile!.replace(/^keys/, keys),
  });
  assert.equal(system.file.pids.nats, undefined);
  assert.equal(system.file.natsUrl, nats.url);
  assert.ok(!system.process.output.join("\n").includes("hunter2"));
  assert.ok(!nats.process.output.some((line) => / Violation /.test(line)));
  const wrong = launch({ ...system.env, DATA_DIR: keys, NATS_SERVICES: "dice" });
  assert.equal((await wrong.status()).code, 1);
  assert.match(ownLines(wrong).join("\n"), /^ERROR NATS_SERVICES: the users of NATS_URL are/);
  await Deno.remove(keys, { recursive: true });
});

/** The variables of an env file. */
function parseEnv(text: string): Record<string, string> {
  return Object.fromEntries(
    text.trim().split("\n").map((line) => /^(\w+)=(.*)$/.exec(line)!.slice(1) as [string, string]),
  );
}

/** Checks that NATS refuses a connection. The library's socket ends untidily. */
async function assertRefused(options: ConnectionOptions): Promise<void> {
  const reset = (event: ErrorEvent) => {
    if (/ECONNRESET/.test(String(event.error))) event.preventDefault();
  };
  globalThis.addEventListener("error", reset);
  try {
    await assert.rejects(connect({ ...options, reconnect: false }), /[Aa]uthorization/);
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    globalThis.removeEventListener("error", reset);
  }
}
