/** The programs in services/kit/README.md, run as they stand with only their addresses changed. */
import assert from "node:assert/strict";
import { inboxPrefix, type ServiceNeed } from "../../services/contract/mod.ts";
import { declareService } from "../../services/kit/mod.ts";
import { newFiles, USUAL } from "../../services/start/own/new_files.ts";
import { codeBlock, codeBlocks } from "../harness/code_blocks.ts";
import { startOwnService } from "../harness/own_service.ts";
import { freePort } from "../harness/ports.ts";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { startSystem, type System } from "../harness/system.ts";
import type { TestClient } from "../harness/client.ts";
import { until } from "../harness/wait.ts";

/** How long a program may take to be checked and to do its work, milliseconds. */
const PROGRAM_MS = 60_000;

/** The arguments that check and run a program outside of the repository with its import map. */
const RUN = ["run", "-A", "--check", "--frozen", "--config", `${ROOT}deno.json`];

/** The parts of a service, in the order of the document. */
async function parts(): Promise<string[]> {
  return [
    await codeBlock("services/kit/README.md", "### Answer calls", "ts ignore"),
    await codeBlock("services/kit/README.md", "### What the caller may do", "ts ignore"),
    ...await codeBlocks("services/kit/README.md", "### Listen to messages", "ts ignore", 2),
    await codeBlock("services/kit/README.md", "### Post, signal, send an event", "ts ignore"),
    await codeBlock("services/kit/README.md", "### Read history and presence", "ts ignore"),
    await codeBlock("services/kit/README.md", "### Run at intervals", "ts ignore"),
    await codeBlock("services/kit/README.md", "### Screen messages", "ts ignore"),
  ];
}

/** Text with imports from the repository that work from anywhere; `from` is where it says it stands. */
function resolved(program: string, from: string): string {
  const folder = new URL(from, `file://${ROOT}`);
  return program.replace(
    /from "(\.[^"]*)"/g,
    (_, path: string) => `from "${new URL(path, folder)}"`,
  );
}

async function withFolder(play: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-readme-" });
  try {
    await play(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function call(client: TestClient, service: string, method: string, data?: unknown) {
  const id = crypto.randomUUID();
  client.send({ type: "call", service, method, data, id });
  const answer = await client.answer(id);
  return answer.type === "error" ? answer.code : answer.type === "result" && answer.data;
}

async function join(client: TestClient, room: string): Promise<void> {
  client.send({ type: "subscribe", room });
  await client.take("subscribed", (frame) => frame.room === room);
}

Deno.test("a new service: what the document shows is what the command makes, and the call works", () =>
  withFolder(async (folder) => {
    const [client, declaration, main] = await codeBlocks(
      "services/kit/README.md",
      "## A new service in five minutes",
      "ts ignore",
      3,
    );
    const made = newFiles("greeter", USUAL);
    await Deno.mkdir(`${folder}/made`);
    for (const name of ["declaration.ts", "main.ts"]) {
      await Deno.writeTextFile(`${folder}/made/${name}`, made[name]!);
    }
    const format = ["fmt", "-q", "--config", `${ROOT}deno.json`, `${folder}/made`];
    await new Deno.Command(Deno.execPath(), { args: format }).output();
    assert.equal(declaration, await Deno.readTextFile(`${folder}/made/declaration.ts`));
    assert.equal(main, await Deno.readTextFile(`${folder}/made/main.ts`));

    const authPort = freePort();
    const greeter = declareService({ name: "greeter", description: "Greets.", needs: USUAL });
    await using system = await startSystem({
      own: [greeter],
      env: { auth: { PORT: String(authPort), AUTH_DEV_TOKENS: "true" } },
    });
    const config = resolved(declaration!, "services/greeter/declaration.ts");
    await Deno.writeTextFile(`${folder}/declaration.ts`, config);
    const text = resolved(main!, "services/greeter/main.ts")
      .replace(/file:[^"]*\/declaration\.ts/, "./declaration.ts");
    await Deno.writeTextFile(`${folder}/main.ts`, text);
    await using _service = await startOwnService(system, greeter, {
      main: `${folder}/main.ts`,
      flags: ["--check", "--config", `${ROOT}deno.json`],
    });
    const own = client!
      .replaceAll("127.0.0.1:8080", `127.0.0.1:${system.gateways[0]!.port}`)
      .replaceAll("127.0.0.1:8081", `127.0.0.1:${authPort}`);
    await Deno.writeTextFile(`${folder}/client.ts`, resolved(own, "call.ts"));
    await using program = startProcess(Deno.execPath(), [...RUN, `${folder}/client.ts`], {
      cwd: ROOT,
    });
    await program.line('{ greeting: "Hello, Ada!" }', PROGRAM_MS);
    assert.equal((await program.status(PROGRAM_MS)).code, 0, program.output.join("\n"));
  }));

/** Starts one service that has all parts of the document. */
async function startParts(system: System, folder: string, needs: readonly ServiceNeed[]) {
  const body = (await parts()).join("\n")
    // Nobody waits a minute for a test.
    .replace("app.every(60_000,", "app.every(500,");
  const main = `
    import * as z from "zod";
    import { declareService, FaultError, runApp } from "./mod.ts";
    const declaration = declareService({
      name: "tour",
      description: "Does what the document shows.",
      needs: ${JSON.stringify(needs)},
    });
    await runApp(declaration, { start(app) {\n${body}\n} });
  `;
  await Deno.writeTextFile(`${folder}/main.ts`, resolved(main, "services/kit/main.ts"));
  return await startOwnService(
    system,
    declareService({ name: "tour", description: "Does what the document shows.", needs }),
    {
      main: `${folder}/main.ts`,
      flags: ["--check", "--config", `${ROOT}deno.json`],
    },
  );
}

Deno.test("what a service can do: each part of the document does it", () =>
  withFolder(async (folder) => {
    const needs: ServiceNeed[] = [
      "calls",
      "listen",
      "log",
      "post",
      "signal",
      "events",
      "history",
      "presence",
      "schedule",
      "screen",
    ];
    await using system = await startSystem({
      own: [{ name: "tour", needs }],
      namespaces: [{ pattern: "public.*", screen: { service: "tour", timeoutMs: 10_000 } }],
    });
    await using _service = await startParts(system, folder, needs);
    const ada = await system.client({ user: "ada" });
    for (const room of ["news", "table.a", "orders.a", "receipts.a"]) await join(ada, room);

    const { rolled } = await call(ada, "tour", "roll", { sides: 2 }) as { rolled: number };
    assert.ok([1, 2].includes(rolled));
    assert.equal(await call(ada, "tour", "roll", { sides: 5_000 }), "forbidden");
    assert.equal(await call(ada, "tour", "roll", { sides: "many" }), "invalid_format");

    assert.equal(await call(ada, "tour", "pin", { room: "table.a", seq: 1 }), null);
    const guest = await system.client({ user: "guest", claims: { rooms: ["news"] } });
    assert.equal(await call(guest, "tour", "pin", { room: "table.a", seq: 1 }), "forbidden");

    ada.send({ type: "message", room: "table.a", content: "roll" });
    await ada.take("room-message", ({ content }) => /^ada rolled [1-6]$/.test(String(content)));
    ada.send({ type: "message", room: "orders.a", content: { item: "tea" } });
    const receipt = await ada.take("room-message", ({ room }) => room === "receipts.a");
    assert.deepEqual(receipt.content, { of: "tea" });

    const seq = await call(ada, "tour", "announce", "It rains.");
    const posted = await ada.take("room-message", ({ content }) => content === "It rains.");
    assert.deepEqual([posted.seq, posted.userId], [seq, "ada"]);
    assert.equal((await ada.take("room-signal")).userId, "tour");
    assert.deepEqual((await ada.take("event")).data, { seq });

    await until("history", async () => {
      const summary = await call(ada, "tour", "summary", "receipts.a");
      assert.deepEqual(summary, { last: { of: "tea" }, count: 1, here: ["ada"] });
      return true;
    });
    await ada.take("room-message", ({ content }) => content === "Drink some water.");

    await join(ada, "public.a");
    for (const [content, id] of [["darn", "s1"], ["call 5551234", "s2"]]) {
      ada.send({ type: "message", room: "public.a", content, id });
    }
    const refused = await ada.answer("s1");
    assert.equal(refused.type === "error" && refused.message, "Not allowed: mind your language");
    await ada.take("room-message", ({ content }) => content === "call ****");
  }));

Deno.test("a service with any NATS client", () =>
  withFolder(async (folder) => {
    const program = await codeBlock(
      "services/kit/README.md",
      "## With any NATS client",
      "ts ignore",
    );
    await using system = await startSystem({ natsServices: ["dice"] });
    // This program stands at the root of the repository.
    await Deno.writeTextFile(`${folder}/dice.ts`, resolved(program, "dice.ts"));
    const ada = await system.client({ user: "ada" });
    await join(ada, "chat.lobby");
    await using service = startProcess(Deno.execPath(), [...RUN, `${folder}/dice.ts`], {
      cwd: ROOT,
      env: { ...system.natsEnv("dice"), NATS_INBOX_PREFIX: inboxPrefix("dice") },
    });
    const message = await ada.take("room-message", () => true, PROGRAM_MS);
    assert.equal(message.content, "Who wants to roll?");
    assert.deepEqual((await ada.take("event")).data, { room: "chat.lobby" });
    const data = await call(ada, "dice", "roll");
    assert.ok(Number.isInteger(data) && Number(data) >= 1 && Number(data) <= 6, String(data));
    await service.line("Who wants to roll?");
  }));
