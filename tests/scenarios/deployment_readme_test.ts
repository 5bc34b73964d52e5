/** What services/README.md says about compose and about NATS servers of one's own. */
import assert from "node:assert/strict";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { parse } from "yaml";
import {
  authorizationOf,
  NATS_ACCOUNT,
  natsAccounts,
  natsUsers,
} from "../../services/start/nats_users.ts";
import { findNatsServer, findOnPath } from "../../services/start/nats_server.ts";
import { makeCertificate } from "../harness/certificate.ts";
import { changed, codeBlock, codeBlocks, commandLines } from "../harness/code_blocks.ts";
import { freePort } from "../harness/ports.ts";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";

const dockerCompose = await findOnPath("docker-compose");

/** A command of a document: what stands before the verb, the verb, and the rest. */
function partsOfCompose(command: string): [flags: string[], verb: string, rest: string[]] {
  const [docker, compose, ...words] = command.split(" ");
  assert.equal(`${docker} ${compose}`, "docker compose");
  const at = words.findIndex((word) => word === "up" || word === "run");
  assert.ok(at >= 0, command);
  return [words.slice(0, at), words[at]!, words.slice(at + 1).filter((word) => word !== "")];
}

// `deno task docker` runs them on an engine. Here compose reads the file as they have it.
Deno.test({
  name: "the commands for compose name profiles, services and files that are there",
  ignore: dockerCompose === null,
  async fn() {
    const [single, cluster] = await codeBlocks(
      "services/README.md",
      "## Run it with compose",
      "sh",
      2,
    );
    const [, keys] = await codeBlocks("services/api/README.md", "## Keys", "sh", 2);
    const commands = [single!, cluster!, keys!].flatMap(commandLines);
    assert.equal(commands.length, 4);
    const { services } = parse(await Deno.readTextFile(`${ROOT}compose.yaml`), { merge: true });
    for (const command of commands) {
      const [flags, verb, rest] = partsOfCompose(command);
      const { success, stdout, stderr } = await new Deno.Command(dockerCompose!, {
        args: ["-f", `${ROOT}compose.yaml`, ...flags, "config", "--services"],
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const known = new TextDecoder().decode(stdout).trim().split("\n");
      const valueOf = (option: string) => rest[rest.indexOf(option) + 1]!;
      const isValue = (index: number) => ["--scale", "--user"].includes(rest[index - 1]!);
      const named = rest.filter((word, index) => !word.startsWith("-") && !isValue(index));
      if (verb === "run") {
        const [service, main, ...args] = named as [string, string, ...string[]];
        assert.ok(known.includes(service), command);
        assert.ok((await Deno.stat(ROOT + main)).isFile, main);
        const folders: string[] = services[service].volumes.map((one: string) => one.split(":")[1]);
        const file = args.at(-1)!;
        assert.ok(folders.some((folder) => file.startsWith(`${folder}/`)), file);
        continue;
      }
      for (const name of named) assert.ok(known.includes(name), command);
      if (!rest.includes("--scale")) continue;
      assert.match(valueOf("--scale"), new RegExp(`^(${known.join("|")})=\\d+$`), command);
    }
  },
});

Deno.test("nats-server takes the configuration of a cluster", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-readme-" });
  try {
    const { certFile, keyFile } = await makeCertificate(folder, "n1.internal");
    const accounts = await natsAccounts(folder, natsUsers([]));
    await Deno.writeTextFile(`${folder}/users.conf`, authorizationOf(accounts, { traces: false }));
    const text = changed(
      await codeBlock("services/README.md", "### A NATS cluster", "text"),
      ["/var/lib/nats", `${folder}/data`],
      ["route.pem", certFile],
      ["route-key.pem", keyFile],
      ['"ca.pem"', `"${certFile}"`],
    );
    await Deno.writeTextFile(`${folder}/nats.conf`, text);
    const { success, stderr } = await new Deno.Command(await findNatsServer(), {
      args: ["-t", "-c", `${folder}/nats.conf`],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the streams of the default account move into the account of Hopwire", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-readme-" });
  const binary = await findNatsServer();
  const port = freePort();
  /** Runs a server on the same folder. */
  const withServer = async (account: string, act: (manager: JetStreamManager) => Promise<void>) => {
    const config = `listen: 127.0.0.1:${port}\njetstream { store_dir: "${folder}" }\n${account}`;
    await Deno.writeTextFile(`${folder}/nats.conf`, config);
    await using server = startProcess(binary, ["-c", `${folder}/nats.conf`]);
    await server.line("Server is ready");
    const nats = await connect({
      servers: `127.0.0.1:${port}`,
      ...account === "" ? {} : { user: "test", pass: "test" },
    });
    await act(await jetstreamManager(nats));
    await nats.close();
    server.signal("SIGTERM");
    await server.status();
  };
  try {
    await withServer("", async ({ streams }) => {
      await streams.add({ name: "KEPT", subjects: ["kept"] });
    });
    const [, , moving] = await codeBlocks("services/README.md", "## NATS", "sh", 3);
    const { success } = await new Deno.Command("sh", {
      args: ["-ec", moving!],
      env: { STORE_DIR: folder },
    }).output();
    assert.ok(success);
    const account = `${NATS_ACCOUNT} { jetstream: enabled, users: [{ user: test, pass: test }] }`;
    await withServer(`accounts { ${account} }`, async ({ streams }) => {
      assert.equal((await streams.info("KEPT")).config.name, "KEPT");
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
