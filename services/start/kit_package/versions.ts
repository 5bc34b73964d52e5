/**
 * The versions of npm packages that the project uses.
 *
 * @module
 */
const CONFIG = new URL("../../../deno.json", import.meta.url);

/** Returns the versions of packages, as deno.json names them. */
export async function packageVersions<Name extends string>(
  names: readonly Name[],
): Promise<Record<Name, string>> {
  const { imports } = JSON.parse(await Deno.readTextFile(CONFIG));
  const entries = names.map((name) => [name, imports[name].slice(`npm:${name}@`.length)]);
  return Object.fromEntries(entries) as Record<Name, string>;
}
