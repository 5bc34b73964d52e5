/** Runs the client's suite in every installed runtime, and uses the package as an application would. */
import assert from "node:assert/strict";
import { MAX_GZIP_BYTES, pack } from "../../client/pack.ts";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { findRuntimes, RUNTIME_FOLDER } from "../harness/runtimes.ts";
import { startControlledSystem } from "./controlled_system.ts";

/** How long the suite may take in one runtime, milliseconds. It takes about ten seconds. */
const SUITE_TIMEOUT_MS = 120_000;

const runtimes = await findRuntimes();

Deno.test("the client passes its suite in Deno, Node and Bun", async (t) => {
  await Deno.mkdir(RUNTIME_FOLDER, { recursive: true });
  const suite = `${RUNTIME_FOLDER}/suite.mjs`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "-q", "--platform", "deno", "-o", suite, `${ROOT}tests/client/suite.ts`],
    cwd: ROOT,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  for (const { name, command, args } of runtimes) {
    await t.step(name, async () => {
      await using system = await startControlledSystem();
      await using run = startProcess(command, [...args, suite, system.address]);
      const { code } = await run.status(SUITE_TIMEOUT_MS);
      const text = run.output.join("\n");
      assert.equal(code, 0, text);
      assert.match(text, /^all passed$/m);
    });
  }
});

Deno.test("the package is small, typed, and runs in every runtime", async (t) => {
  const out = await Deno.makeTempDir({ prefix: "hopwire-package-" });
  try {
    const { tarball, gzipBytes } = await pack(out);
    assert.ok(gzipBytes > 2_000 && gzipBytes <= MAX_GZIP_BYTES, `${gzipBytes}`);
    const user = `${out}/user`;
    await Deno.mkdir(`${user}/node_modules/@hopwire/client`, { recursive: true });
    const untar = await new Deno.Command("tar", {
      args: ["xzf", tarball, "--strip-components=1", "-C", `${user}/node_modules/@hopwire/client`],
    }).output();
    assert.ok(untar.success);
    const files = [...Deno.readDirSync(`${user}/node_modules/@hopwire/client`)].map(({ name }) =>
      name
    );
    assert.deepEqual(files.sort(), [
      "LICENSE",
      "README.md",
      "hopwire.d.ts",
      "hopwire.js",
      "package.json",
    ]);
    const program = `import { Hopwire, HopwireError } from "@hopwire/client";
const hop = new Hopwire("ws://127.0.0.1:9", { token: "t", maxAttempts: 1, storage: null });
hop.on("reconnect-failed", (error) => console.log(error instanceof HopwireError, error.code));
`;
    await Deno.writeTextFile(`${user}/package.json`, '{ "type": "module" }');
    await Deno.writeTextFile(`${user}/main.js`, program);
    for (const { name, command, args } of runtimes) {
      await t.step(name, async () => {
        const more = name === "deno" ? ["--node-modules-dir=manual"] : [];
        await using run = startProcess(command, [...args, ...more, `${user}/main.js`], {
          cwd: user,
        });
        await run.status();
        assert.deepEqual(run.output, ["true closed"]);
      });
    }
    await t.step("its types need no other files and reject wrong code", async () => {
      const check = async (text: string) => {
        await Deno.writeTextFile(`${user}/check.ts`, text);
        const { success, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["check", "--node-modules-dir=manual", "--no-lock", `${user}/check.ts`],
          cwd: user,
        }).output();
        return success ? "" : new TextDecoder().decode(stderr);
      };
      const good = `import { Hopwire, type Message, type PresenceState } from "@hopwire/client";
const hop = new Hopwire("/", { token: async () => "t" });
const room = hop.join("chat.lobby");
const off: () => void = room.on("message", ({ seq, content }) => { const n: number = seq; void n; void content; });
for await (const message of room.history({ before: 3 })) { const m: Message = message; void m; }
const { seq }: { seq: number } = await room.send({ text: "x" });
room.setPresence({ status: "away" });
room.on("member-updated", ({ presence }) => { const state: PresenceState | undefined = presence; void state; });
off();
void seq;
`;
      assert.equal(await check(good), "");
      assert.match(await check(good.replace("before: 3", 'before: "3"')), /TS2322/);
      assert.match(await check(good.replace('{ status: "away" }', '"away"')), /TS2345/);
      assert.match(await check(good.replace("content })", "contents })")), /TS2339/);
    });
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});
