import assert from "node:assert/strict";
import { natsCommand, writeNatsContext } from "./nats_context.ts";

async function withFolder(play: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await play(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const pathIn = (folder: string) => `${folder}/nats-cli/nats/context/hopwire.json`;
const readIn = async (folder: string) => JSON.parse(await Deno.readTextFile(pathIn(folder)));

Deno.test("the context is the user who may look, and its owner's alone", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/keys`);
    await Deno.writeTextFile(`${folder}/keys/observer.nk`, "SU");
    const url = "nats://127.0.0.1:4222";
    assert.equal(await writeNatsContext(folder, url, { NATS_USER: "x" }, `${folder}/keys`), true);
    assert.deepEqual(await readIn(folder), {
      description: "Hopwire: look at services and streams",
      url,
      inbox_prefix: "_INBOX.observer",
      nkey: `${folder}/keys/observer.nk`,
    });
    assert.equal((await Deno.stat(pathIn(folder))).mode! & 0o777, 0o600);
    assert.equal((await Deno.stat(`${folder}/nats-cli`)).mode! & 0o777, 0o700);
  }));

Deno.test("on servers of one's own it has the credentials of that user, if they are files", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/observer.creds`, "creds");
    await Deno.writeTextFile(`${folder}/ca.pem`, "ca");
    const url = "tls://a.example:4222,tls://b.example:4222";
    const given = {
      NATS_CREDS_FILE: `${folder}/{service}.creds`,
      NATS_TLS_CA: `${folder}/ca.pem`,
      NATS_INBOX_PREFIX: "_INBOX_{service}",
    };
    assert.equal(await writeNatsContext(folder, url, given, undefined), true);
    const { description: _, ...context } = await readIn(folder);
    assert.deepEqual(context, {
      url,
      inbox_prefix: "_INBOX_observer",
      creds: `${folder}/observer.creds`,
      ca: `${folder}/ca.pem`,
    });
    // A password is written nowhere, and what an earlier run wrote does not stay.
    const without: [url: string, given: Record<string, string>][] = [
      [url, { NATS_USER: "ann", NATS_PASSWORD: "hunter2" }],
      ["nats://ann:hunter2@a.example", {}],
      ["nats://a.example,nats://token@b.example", {}],
      [url, { NATS_NKEY_FILE: `${folder}/{service}.nk` }],
    ];
    for (const [url, other] of without) {
      await writeNatsContext(folder, "nats://a.example", {}, undefined);
      assert.equal(await writeNatsContext(folder, url, other, undefined), false);
      await assert.rejects(Deno.stat(pathIn(folder)), Deno.errors.NotFound);
    }
  }));

Deno.test("the command names the folder as a shell takes it", () => {
  assert.equal(natsCommand(".data"), "XDG_CONFIG_HOME=.data/nats-cli nats --context hopwire");
  assert.equal(
    natsCommand("/home/ann's data"),
    `XDG_CONFIG_HOME='/home/ann'\\''s data/nats-cli' nats --context hopwire`,
  );
});
