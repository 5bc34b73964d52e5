/**
 * The programs in the READMEs. They need a running system, so `deno test --doc` skips them (`ts ignore`);
 * here each is type-checked and run as it stands, with only its addresses changed.
 */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import { namespaceOf, parseNamespaces } from "../../services/contract/mod.ts";
import { findOnPath } from "../../services/start/nats_server.ts";
import { changed, codeBlock, codeBlocks } from "../harness/code_blocks.ts";
import { startOtlpReceiver } from "../harness/otlp.ts";
import { freePort } from "../harness/ports.ts";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

/** How long a program may take to be checked and to do its work, milliseconds. */
const PROGRAM_MS = 60_000;

/** Writes a program to a file, with imports from the repository that work from there. */
async function save(file: string, program: string, readme: string): Promise<void> {
  const folder = new URL(readme, `file://${ROOT}`);
  const text = program.replace(
    /from "(\.[^"]*)"/g,
    (whole, path: string) => path === "./config.ts" ? whole : `from "${new URL(path, folder)}"`,
  );
  await Deno.writeTextFile(file, text);
}

/** The arguments that check and run a program outside of the repository with its import map. */
const RUN = ["run", "-A", "--check", "--frozen", "--config", `${ROOT}deno.json`];

async function withSystem(
  play: (system: System, folder: string, authPort: number) => Promise<void>,
  gateway: Record<string, string> = {},
): Promise<void> {
  const authPort = freePort();
  await using receiver = startOtlpReceiver();
  await using system = await startSystem({
    env: {
      gateway: { ...receiver.env, ...gateway },
      auth: { PORT: String(authPort), AUTH_DEV_TOKENS: "true" },
    },
  });
  const folder = await Deno.makeTempDir({ prefix: "hopwire-readme-" });
  try {
    await play(system, folder, authPort);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("README.md: both clients talk to a running system", () =>
  withSystem(async (system, folder, authPort) => {
    const [sdk, plain] = await codeBlocks("README.md", "## A client", "ts ignore", 2);
    const own = (program: string) =>
      program
        .replaceAll("127.0.0.1:8080", `127.0.0.1:${system.gateways[0]!.port}`)
        .replaceAll("127.0.0.1:8081", `127.0.0.1:${authPort}`);

    await save(`${folder}/sdk.ts`, own(sdk!), "README.md");
    await using client = startProcess(Deno.execPath(), [...RUN, `${folder}/sdk.ts`], { cwd: ROOT });
    await client.line("Ada: hello", PROGRAM_MS);
    assert.equal((await client.status(PROGRAM_MS)).code, 0, client.output.join("\n"));
    assert.ok(client.output.some((line) => /^\d+ hello$/.test(line)), client.output.join("\n"));

    await save(`${folder}/plain.ts`, own(plain!), "README.md");
    await using socket = startProcess(Deno.execPath(), [...RUN, `${folder}/plain.ts`], {
      cwd: ROOT,
    });
    await socket.line("room-message", PROGRAM_MS);
  }));

Deno.test("client/README.md: a typed room and a typed call", () =>
  withSystem(async (system, folder, authPort) => {
    const program = await codeBlock("client/README.md", "## Types", "ts ignore");
    const own = program
      .replaceAll("127.0.0.1:8080", `127.0.0.1:${system.gateways[0]!.port}`)
      .replaceAll("127.0.0.1:8081", `127.0.0.1:${authPort}`);
    const bus = await connect({ servers: system.nats.url });
    try {
      bus.subscribe("call.dice.roll", { callback: (_, message) => void message.respond("4") });
      const eve = await system.client({ user: "eve" });
      eve.send({ type: "subscribe", room: "lobby" });
      await eve.take("subscribed");
      await save(`${folder}/typed.ts`, own, "client/README.md");
      await using client = startProcess(Deno.execPath(), [...RUN, `${folder}/typed.ts`], {
        cwd: ROOT,
      });
      const { username } = await eve.take("room-message", () => true, PROGRAM_MS);
      assert.equal(username, "Ada");
      await client.line("the dice shows 4", PROGRAM_MS);
      assert.equal((await client.status(PROGRAM_MS)).code, 0, client.output.join("\n"));
      assert.ok(client.output.includes("HELLO"), client.output.join("\n"));
      // What the comment says does not compile.
      await save(
        `${folder}/wrong.ts`,
        own.replace('room.send({ text: "hello" })', 'room.send("hello")'),
        "client/README.md",
      );
      await using wrong = startProcess(Deno.execPath(), [...RUN, `${folder}/wrong.ts`], {
        cwd: ROOT,
      });
      await wrong.line("TS2345", PROGRAM_MS);
    } finally {
      await bus.close();
    }
  }));

Deno.test("client/README.md: the first program", () =>
  withSystem(async (system, folder, authPort) => {
    const program = await codeBlock("client/README.md", "# @hopwire/client", "ts ignore");
    const bus = await connect({ servers: system.nats.url });
    try {
      bus.subscribe("call.dice.roll", { callback: (_, message) => void message.respond("4") });
      const eve = await system.client({ user: "eve" });
      eve.send({ type: "subscribe", room: "chat.lobby" });
      await eve.take("subscribed");
      const own = "const yesterday = 0;\n" +
        changed(
          program,
          ["https://chat.example", `http://127.0.0.1:${system.gateways[0]!.port}`],
          [
            '(await fetch("/my/token")).text()',
            `(await (await fetch("http://127.0.0.1:${authPort}/token", { method: "POST", ` +
            'body: JSON.stringify({ userId: "ada", username: "Ada" }) })).json()).token',
          ],
          [
            "every message from now on",
            "every message from now on\nconsole.log(message.seq); break;",
          ],
        ) + "\nconsole.log(`roll ${roll}, seq ${seq}`);\nhop.close();\n";
      await save(`${folder}/first.ts`, own, "client/README.md");
      await using client = startProcess(Deno.execPath(), [...RUN, `${folder}/first.ts`], {
        cwd: ROOT,
      });
      assert.deepEqual(
        (await eve.take("room-message", () => true, PROGRAM_MS)).content,
        { text: "hello" },
      );
      assert.deepEqual((await eve.take("room-signal")).content, { typing: true });
      let sent = 0;
      await until("the loop to see a message", () => {
        eve.send({ type: "message", room: "chat.lobby", content: "go on", id: `go-${sent++}` });
        return client.output.some((line) => line.startsWith("roll 4, seq "));
      });
      assert.equal((await client.status(PROGRAM_MS)).code, 0, client.output.join("\n"));
    } finally {
      await bus.close();
    }
  }));

Deno.test("client/README.md: a client follows one message", () =>
  withSystem(async (system, folder, authPort) => {
    const program = await codeBlock("client/README.md", "## Following a message", "ts ignore");
    const own = program
      .replaceAll("127.0.0.1:8080", `127.0.0.1:${system.gateways[0]!.port}`)
      .replaceAll("127.0.0.1:8081", `127.0.0.1:${authPort}`)
      .replace("@hopwire/client", "./mod.ts");
    await save(`${folder}/follow.ts`, own, "client/README.md");
    await using client = startProcess(Deno.execPath(), [...RUN, `${folder}/follow.ts`], {
      cwd: ROOT,
    });
    const line = await client.line("part of it: ", PROGRAM_MS);
    const traceId = /deno task trace ([0-9a-f]{32})$/m.exec(client.output.join("\n"))?.[1];
    assert.ok(traceId !== undefined, client.output.join("\n"));
    assert.match(line, new RegExp(`part of it: 00-${traceId}-[0-9a-f]{16}-01$`));
    assert.equal((await client.status(PROGRAM_MS)).code, 0, client.output.join("\n"));
  }));

Deno.test({
  name: "README.md and PROTOCOL.md: curl gets the documents",
  ignore: await findOnPath("curl") === null,
  fn: () =>
    withSystem(async (system) => {
      const names: string[] = [];
      for (
        const text of [
          await codeBlock("README.md", "## A client", "sh"),
          await codeBlock("services/contract/PROTOCOL.md", "## Documents for tools", "sh"),
        ]
      ) {
        for (const [command, name] of text.matchAll(/^curl \S+\/(\w+)\.json.*$/gm)) {
          const own = command.replace("127.0.0.1:8080", `127.0.0.1:${system.gateways[0]!.port}`);
          const { success, stdout } = await new Deno.Command("sh", {
            args: ["-c", own],
            stderr: "null",
          }).output();
          assert.ok(success, command);
          const document = JSON.parse(new TextDecoder().decode(stdout));
          assert.ok("asyncapi" in document || "openapi" in document || "$defs" in document);
          names.push(name!);
        }
      }
      assert.deepEqual(names, ["asyncapi", "asyncapi", "openapi", "schemas"]);
    }, { API_DOCS: "true" }),
});

Deno.test("README.md: the namespaces file is valid", async () => {
  const file = await codeBlock("README.md", "## Tokens and rooms", "json namespaces");
  const namespaces = parseNamespaces(file);
  assert.equal(namespaceOf(namespaces, "cursor.doc7").stored, false);
  assert.equal(namespaceOf(namespaces, "stage.main").presence, "counts");
});
