/** The declaration of a service outside of the repository is read, and harms nobody. */
import assert from "node:assert/strict";
import { outsideDeclaration } from "./outside_declaration.ts";

/** What is wrong with a file, by its text. */
const WRONG: Record<string, RegExp> = {
  "export const other = 1;": /it exports no "declaration"$/,
  "export const declaration = {{": /SyntaxError: /,
  'import { x } from "nothing-here"; export const declaration = x;': /"nothing-here"/,
  'export const declaration = { name: "rooms", description: "x", needs: [] };':
    /name: "rooms" is taken$/,
  'export const declaration = { name: "a", description: "x", needs: ["fly"] };':
    /needs: there is no "fly", but calls, /,
  "export const declaration = Deno.env.toObject();": /NotCapable: /,
};

Deno.test("the declaration of a service outside of the repository is read without permissions", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-outside-" });
  try {
    const file = `${folder}/declaration.ts`;
    await Deno.writeTextFile(
      file,
      `console.log("hello");
interface Named { name: string }
const named: Named = { name: "greeter" };
export const declaration = { ...named, description: "Greets.", needs: ["calls"], config: { A: {} } };
`,
    );
    assert.deepEqual(await outsideDeclaration(file), {
      name: "greeter",
      description: "Greets.",
      needs: ["calls"],
      hosts: [],
      config: {},
    });
    for (const [text, expected] of Object.entries(WRONG)) {
      await Deno.writeTextFile(file, text);
      await assert.rejects(outsideDeclaration(file), ({ name, message }: Error) => {
        assert.equal(name, "ConfigError");
        assert.match(message, expected);
        assert.ok(message.startsWith(`${file}: `) && !message.includes("\n"), message);
        return true;
      });
    }
    await assert.rejects(
      outsideDeclaration(`${folder}/none.ts`),
      /none.ts: there is no such file$/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
