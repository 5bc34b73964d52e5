/**
 * The files of a new service. No I/O. Their imports have single quotes here, so that nobody takes them for
 * imports of this file; `deno fmt` makes double ones of them.
 *
 * @module
 */
import { type Declaration, declareService, integer } from "../../kit/mod.ts";
import type { ServiceNeed } from "../../contract/mod.ts";

/** What a new service needs unless it is told otherwise. */
export const USUAL: readonly ServiceNeed[] = ["calls", "listen", "post"];

/** The variable of a new service. */
function variableOf(name: string): string {
  return `${name.toUpperCase().replaceAll("-", "_")}_MAX_LENGTH`;
}

/** The declaration that {@link newFiles} writes down. */
export function newDeclaration(name: string, needs: readonly ServiceNeed[]): Declaration {
  return declareService({
    name,
    description: "Greets whoever talks to it.",
    needs,
    config: { [variableOf(name)]: integer(1, 1_000).default(64) },
  });
}

/** Returns the files of a new service, by their names in its folder. */
export function newFiles(name: string, needs: readonly ServiceNeed[]): Record<string, string> {
  return {
    "declaration.ts": declarationText(newDeclaration(name, needs)),
    "main.ts": mainText(name, needs),
    [`${name.replaceAll("-", "_")}_test.ts`]: testText(name, needs),
  };
}

function declarationText({ name, description, needs }: Declaration): string {
  return `/**
 * What this service is, what it may do on the bus, and its variables.
 *
 * @module
 */
import { declareService, integer } from '../kit/mod.ts';

/** Read by the start command; see services/kit/README.md. */
export const declaration = declareService({
  name: ${JSON.stringify(name)},
  description: ${JSON.stringify(description)},
  needs: [${needs.map((need) => JSON.stringify(need)).join(", ")}],
  config: {
    /** The longest name that is greeted, characters. */
    ${variableOf(name)}: integer(1, 1_000).default(64),
  },
});
`;
}

function mainText(name: string, needs: readonly ServiceNeed[]): string {
  const has = (need: ServiceNeed) => needs.includes(need);
  const parts: string[] = [];
  if (has("calls")) {
    parts.push(
      `    // Clients call it: {"type":"call","service":"${name}","method":"hello","id":"1"}.
    app.answer("hello", {
      data: z.object({ name: z.string().optional() }).optional(),
      result: z.object({ greeting: z.string() }),
    }, ({ data, caller }) => {
      const name = data?.name ?? caller.username;
      if (name.length > config.${variableOf(name)}) {
        throw new FaultError("invalid_format", "the name is too long");
      }
      return { greeting: \`Hello, \${name}!\` };
    });
`,
    );
  }
  if (has("listen") || has("log")) {
    const durable = has("listen") ? "" : ", durable: true";
    const does = has("post")
      ? `      await app.post(room, \`Hello, \${username}!\`, { id: \`hello-\${seq}\` });`
      : `      app.log.info("a message", { room, seq, username });`;
    parts.push(`    // Every message of these rooms${durable ? "" : ", while this runs"}.
    app.listen("${name}.*", ${has("post") ? "async " : ""}({ room, seq, username }) => {
${does}
    }, { content: z.string()${durable} });
`);
  }
  const uses = parts.join("\n");
  const imports = has("calls") ? "FaultError, runApp" : "runApp";
  const parameters = has("calls") ? "app, config" : uses === "" ? "" : "app";
  return `/**
 * The service ${name}. Any number of instances may run.
 *
 * @module
 */
${
    uses.includes("z.")
      ? "import * as z from 'zod';\n"
      : ""
  }import { ${imports} } from '../kit/mod.ts';
import { declaration } from './declaration.ts';

await runApp(declaration, {
  start(${parameters}) {${uses === "" ? "" : `\n${uses}  `}},
});
`;
}

function testText(name: string, needs: readonly ServiceNeed[]): string {
  const has = (need: ServiceNeed) => needs.includes(need);
  const listens = has("listen") || has("log");
  const steps: string[] = [];
  if (has("calls")) {
    steps.push(`  ada.send({ type: "call", service: "${name}", method: "hello", id: "c1" });
  assert.deepEqual((await ada.take("result")).data, { greeting: "Hello, ada!" });
`);
  }
  if (listens) {
    steps.push(`  ada.send({ type: "subscribe", room: "${name}.lobby" });
  await ada.take("subscribed");
  ada.send({ type: "message", room: "${name}.lobby", content: "hi", id: "m1" });
  assert.equal((await ada.answer("m1")).type, "ack");
`);
    steps.push(
      has("post")
        ? `  await ada.take("room-message", ({ content }) => content === "Hello, ada!");
`
        : `  await service.line("a message");
`,
    );
  }
  if (steps.length > 0) steps.unshift(`  const ada = await system.client({ user: "ada" });\n`);
  return `/** The service ${name}, in a system that runs. */
import assert from 'node:assert/strict';
import { startOwnService } from '../../tests/harness/own_service.ts';
import { startSystem } from '../../tests/harness/system.ts';
import { declaration } from './declaration.ts';

Deno.test("${name} does what it is for, and stops when it is told", async () => {
  await using system = await startSystem({ own: [declaration] });
  await using service = await startOwnService(system, declaration);
${steps.join("")}  service.signal("SIGTERM");
  assert.equal((await service.status()).code, 0, service.output.join("\\n"));
});
`;
}
