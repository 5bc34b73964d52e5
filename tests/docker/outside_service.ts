/**
 * A service outside of the repository, built and run beside the system of compose.yaml as its README says.
 *
 * @module
 */
import assert from "node:assert/strict";
import * as z from "zod";
import type { TestClient } from "../harness/client.ts";
import { commandLines, parseBlocks, startVariables } from "../harness/code_blocks.ts";
import { ROOT } from "../harness/root.ts";
import { until } from "../harness/wait.ts";
import { run } from "./commands.ts";
import type { ComposeSystem } from "./system.ts";

/** How long it may take to become healthy, milliseconds: a check is made each 30 s. */
const HEALTHY_MS = 120_000;

/** A service that was made. */
export interface OutsideService extends AsyncDisposable {
  /** The variables that its README gives to Hopwire's own compose.yaml. */
  variables: Record<string, string>;
  /** Builds it, runs it, and calls it. */
  use(system: ComposeSystem, signIn: () => Promise<TestClient>): Promise<void>;
}

const State = z.tuple([z.object({
  State: z.object({ Health: z.object({ Status: z.string() }) }),
})]);

/** Makes a service with its packages. */
export async function makeOutsideService(): Promise<OutsideService> {
  const parent = await Deno.makeTempDir({ prefix: "hopwire-docker-outside-" });
  const folder = `${parent}/greeter`;
  const make = ["task", "--cwd", ROOT, "new-service", "greeter", "--outside", folder];
  await run([Deno.execPath(), ...make]);
  const readme = `${folder}/README.md`;
  const [start, install] = parseBlocks(readme, await Deno.readTextFile(readme))
    .flatMap(({ text }) => commandLines(text));
  await run(["sh", "-c", `cd ${folder} && ${install}`]);
  const file = `${folder}/compose.yaml`;
  return {
    variables: startVariables(start!),
    async use(system, signIn) {
      try {
        await system.beside(file, "up", "-d", "--build");
        const container = await system.beside(file, "ps", "-q", "greeter");
        await until("the service to be healthy", async () => {
          const [{ State: { Health } }] = State.parse(
            JSON.parse(await system.docker("inspect", container)),
          );
          return Health.Status === "healthy";
        }, HEALTHY_MS);
        const client = await signIn();
        client.send({ type: "call", service: "greeter", method: "hello", id: "c" });
        const answer = await client.answer("c");
        assert.deepEqual(answer.type === "result" && answer.data, { greeting: "Hello, Ann!" });
        client.close();
      } finally {
        await system.beside(file, "down");
      }
    },
    [Symbol.asyncDispose]: () => Deno.remove(parent, { recursive: true }),
  };
}
