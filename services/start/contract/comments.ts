/**
 * What the comments of the contract say about what it exports: the descriptions of published schemas.
 *
 * @module
 */
const ROOT = new URL("../../../", import.meta.url).pathname;
const CONTRACT = "services/contract/mod.ts";

interface Documented {
  nodes: Record<string, {
    symbols: { name: string; declarations: { kind: string; jsDoc?: { doc?: string } }[] }[];
  }>;
}

/** Returns the first paragraph of each exported constant's comment, by the constant's name. */
export async function commentsOfContract(): Promise<Record<string, string>> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", CONTRACT],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const { nodes }: Documented = JSON.parse(new TextDecoder().decode(stdout));
  const found: Record<string, string> = {};
  for (const { name, declarations } of Object.values(nodes).flatMap(({ symbols }) => symbols)) {
    const doc = declarations.find(({ kind }) => kind === "variable")?.jsDoc?.doc;
    if (doc === undefined) continue;
    found[name] = doc.split("\n\n", 1)[0]!.replace(/\{@link (\w+)\}/g, "`$1`")
      .replace(/\s+/g, " ").trim();
  }
  return found;
}
