/**
 * `deno task contract`: writes the documents of the contract. A test checks that they are up to date.
 *
 * @module
 */
import { documents, GENERATED } from "./documents.ts";

await Deno.mkdir(GENERATED, { recursive: true });
for (const [name, text] of Object.entries(await documents())) {
  await Deno.writeTextFile(new URL(name, GENERATED), text);
}
