/** The packed client: its size, its documents, its version, and that it runs in every runtime. */
import assert from "node:assert/strict";
import { MAX_GZIP_BYTES } from "../../client/pack.ts";
import { VERSION } from "../../services/contract/micro.ts";
import { startProcess } from "../harness/process.ts";
import { findRuntimes } from "../harness/runtimes.ts";
import { startSystem, tokenFor } from "../harness/system.ts";
import { type Application, createApplication } from "./package.ts";

const runtimes = await findRuntimes();
/** The package that gives Node 20 a WebSocket is there if other runtimes are. */
const packages = runtimes.length > 1 ? ["ws"] : [];

Deno.test("the package is small, has the version of the system, and has no other files", async () => {
  await using application = await createApplication();
  const { packed, packageFolder } = application;
  assert.ok(packed.gzipBytes > 2_000 && packed.gzipBytes <= MAX_GZIP_BYTES, `${packed.gzipBytes}`);
  const files = [...Deno.readDirSync(packageFolder)].map(({ name }) => name).sort();
  assert.deepEqual(files.map((name) => name.replace(/-\w{8}\.js$/, "-*.js")), [
    "LICENSE",
    "PROTOCOL.md",
    "README.md",
    "hopwire.js",
    "http_link-*.js",
    "package.json",
    "react.js",
    "types",
  ]);
  const manifest = JSON.parse(await Deno.readTextFile(`${packageFolder}/package.json`));
  assert.equal(manifest.version, VERSION);
  assert.equal(manifest.dependencies, undefined);
  for (const target of Object.values(manifest.exports).flatMap((one) => Object.values(one!))) {
    assert.ok((await Deno.stat(`${packageFolder}/${target}`)).isFile, `${target}`);
  }
});

Deno.test("links of the package's documents lead somewhere inside the package", async () => {
  await using application = await createApplication();
  const { packageFolder } = application;
  let checked = 0;
  for (const file of ["README.md", "PROTOCOL.md"]) {
    const text = await Deno.readTextFile(`${packageFolder}/${file}`);
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https:/.test(link!)) continue;
      checked++;
      const [path, anchor] = link!.split("#");
      const target = path === "" ? text : await Deno.readTextFile(`${packageFolder}/${path}`);
      const anchors = [...target.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
        heading!.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")
      );
      assert.ok(anchor === undefined || anchors.includes(anchor), `${file} links to ${link}`);
    }
  }
  assert.ok(checked > 3, "no links were found");
});

/** Runs a program of the application in each runtime, and asserts what it prints. */
async function runEverywhere(
  t: Deno.TestContext,
  { folder }: Application,
  program: string,
  expected: string[],
): Promise<void> {
  await Deno.writeTextFile(`${folder}/main.js`, program);
  for (const { name, command, args } of runtimes) {
    await t.step(name, async () => {
      const more = name === "deno" ? ["--node-modules-dir=manual"] : [];
      await using run = startProcess(command, [...args, ...more, `${folder}/main.js`], {
        cwd: folder,
      });
      await run.status();
      assert.deepEqual(run.output, expected);
    });
  }
}

Deno.test("the package runs in every runtime, with WebSocket and with what replaces it", async (t) => {
  await using application = await createApplication(packages);
  await using system = await startSystem();
  const program = `import * as client from "@hopwire/client";
console.log(Object.keys(client).sort().join(" "));
const WebSocket = globalThis.WebSocket ?? (await import("ws")).WebSocket;
for (const transport of ["websocket", "sse", "poll"]) {
  const hop = new client.Hopwire(${JSON.stringify(system.url())}, {
    token: ${JSON.stringify(await tokenFor("ann"))},
    transports: [transport],
    storage: null,
    WebSocket,
  });
  const { seq } = await hop.join("chat.package").send("hello");
  console.log(seq > 0, hop.transport);
  hop.close();
}
const hop = new client.Hopwire("ws://127.0.0.1:9", { token: "t", maxAttempts: 1, storage: null, WebSocket });
hop.on("reconnect-failed", (error) => console.log(error instanceof client.HopwireError, error.code));
`;
  await runEverywhere(t, application, program, [
    "Hopwire HopwireError newTraceparent",
    "true websocket",
    "true sse",
    "true poll",
    "true closed",
  ]);
});

Deno.test("a fallback whose code cannot be loaded is a failed attempt with a reason", async (t) => {
  await using application = await createApplication();
  for (const { name } of Deno.readDirSync(application.packageFolder)) {
    if (name.startsWith("http_link")) await Deno.remove(`${application.packageFolder}/${name}`);
  }
  const program = `import { Hopwire } from "@hopwire/client";
const options = { token: "t", transports: ["sse"], maxAttempts: 1, storage: null };
const hop = new Hopwire("ws://127.0.0.1:9", options);
hop.on("state", ({ state, reason }) => {
  if (state === "closed") console.log(/http_link/.test(reason) || reason);
});
`;
  await runEverywhere(t, application, program, ["true"]);
});

Deno.test("a platform without WebSocket is an error that names the options", async (t) => {
  await using application = await createApplication();
  // As on Node 20.
  const program = `import { Hopwire, HopwireError } from "@hopwire/client";
delete globalThis.WebSocket;
try {
  new Hopwire("ws://127.0.0.1:9", { token: "t" });
} catch (error) {
  console.log(error instanceof HopwireError, error.code);
  console.log(error.message);
}
new Hopwire("ws://127.0.0.1:9", { token: "t", transports: ["sse"] }).close();
`;
  await runEverywhere(t, application, program, [
    "true no_websocket",
    "this platform has no WebSocket: pass the class of the package ws as the option WebSocket, or " +
    'the option transports: ["sse", "poll"]',
  ]);
});
