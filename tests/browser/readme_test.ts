/** The program for React in the client's README: checked, bundled and used as it stands in a real browser. */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import { codeBlock } from "../harness/code_blocks.ts";
import { ROOT } from "../harness/root.ts";
import { until } from "../harness/wait.ts";
import { exampleTest } from "./examples_stage.ts";

const CONFIG = `${ROOT}tests/browser/hooks/deno.json`;

async function deno(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    stdin: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

exampleTest("client/README.md: the hooks", async ({ system, server, tokens, open }) => {
  const program = await codeBlock("client/README.md", "## React", "tsx ignore");
  const text = program
    .replaceAll("http://127.0.0.1:8080", server)
    .replaceAll("http://127.0.0.1:8081/token", tokens)
    .replace(/^(?=.*"react-dom\/client")/m, '// @ts-types="@types/react-dom/client"\n');
  const folder = await Deno.makeTempDir({ prefix: "hopwire-readme-" });
  const bus = await connect({ servers: system.nats.url });
  try {
    await Deno.writeTextFile(`${folder}/app.tsx`, text);
    await deno("check", "-q", "--config", CONFIG, `${folder}/app.tsx`);
    const script = await deno(
      ...["bundle", "-q", "--platform", "browser", "--config", CONFIG, `${folder}/app.tsx`],
    );
    await using http = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) =>
        new URL(request.url).pathname === "/app.js"
          ? new Response(script, { headers: { "content-type": "text/javascript" } })
          : new Response(
            '<!DOCTYPE html><div id="root"></div><script type="module" src="app.js"></script>',
            {
              headers: { "content-type": "text/html" },
            },
          ),
    );
    bus.subscribe("call.dice.roll", { callback: (_, message) => void message.respond("4") });
    const page = await open(`http://127.0.0.1:${http.addr.port}/`);
    await page.getByText("Here: Ada").waitFor();
    const eve = await system.client({ user: "Eve" });
    eve.send({ type: "subscribe", room: "lobby" });
    await page.getByText("Here: Ada, Eve").waitFor();
    eve.send({ type: "message", room: "lobby", content: { text: "hi" } });
    await page.getByText("hi", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Say hello" }).click();
    await until(
      "both lines",
      async () => String(await page.locator("ol li").allTextContents()) === "hi,hello",
    );
    await page.getByRole("button", { name: "Roll:" }).click();
    await page.getByRole("button", { name: "Roll: 4" }).waitFor();
  } finally {
    await bus.close();
    await Deno.remove(folder, { recursive: true });
  }
});
